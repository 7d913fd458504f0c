-- reap: the task of the internal job reaper. Makes pg_cron's entries and the ACTIVE CRON jobs the same set,
-- and never touches the entries of other applications. Runs every minute, and after each migrate.
--   1. retires jobs whose ends_at has come, after accounting for their last ticks, and resumes those whose
--      pause has ended;
--   2. lets jobs follow workspaces that were suspended or resumed, and ends what is left of cancelled jobs
--      and of deleted workspaces;
--   3. reads time zones again, and corrects the alarms and pointers that this changes;
--   4. decides whether jobs share entries (decide_alarms);
--   5. fills in the text that `q` searches, for rows of an earlier release;
--   6. removes entries of jobs that are not ACTIVE (or whose workspace is not), of no job at all, of another
--      role, or edited by hand; registers the missing entries of ACTIVE jobs;
--   7. makes pg_cron read its entries again.
-- A difference is only a suspicion: kronos.repair_entries checks again under the job's row lock, so a request
-- in progress is never undone.
-- A function cannot commit, and holds the rows that it has changed until it ends. So each task stops by the
-- clock and keeps what it has done, and the next minute continues. Together they hold rows for about
-- p_budget, which is less than a request waits for a locked row (2 s). A task (reap_one) that fails stops no
-- other.
-- Returns: counts, the execution's output. left: how much is still to be done.
create or replace function kronos.reap(p_budget interval default '1.5 seconds') returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_began  constant timestamptz := kronos.clock();
    v_counts jsonb := '{"resumed": 0, "unscheduled": 0, "registered": 0, "corrected": 0, "busy": 0, '
                      '"failed": 0, "zones": 0, "alarms": 0, "pointers": 0, "ended": 0}'::jsonb;
    v_left   jsonb := '{"ended": 0, "resumed": 0, "suspension": 0, "calendars": 0, "cancelled": 0, '
                      '"deletions": 0, "alarms": 0, "entries": 0}'::jsonb;
    v_errors jsonb := '[]'::jsonb;
    v_done   record;
    v_task   text;
    v_until  timestamptz;
begin
    for v_task, v_until in
        select task, v_began + p_budget * share
          from (values (1, 'end_jobs', 0.15), (2, 'resume_jobs_in_time', 0.3), (3, 'turn_all', 0.4),
                       (4, 'move_all', 0.45), (5, 'cancel_all', 0.5), (6, 'delete_further', 0.55),
                       (7, 'refresh_zones', 0.65), (8, 'decide_alarms', 0.65), (9, 'settle_alarms', 0.65),
                       (10, 'note_search_texts', 0.7), (11, 'repair_pg_cron', 1),
                       (12, 'wake_pg_cron', 1)) as tasks (nth, task, share)
         order by nth
    loop
        -- both account for ticks
        continue when v_task in ('end_jobs', 'resume_jobs_in_time') and kronos.is_held();
        begin
            select * into v_done from kronos.reap_one(v_task, v_began, v_until, p_budget);
            v_counts := kronos.added(v_counts, v_done.counts);
            v_left := v_left || v_done.remaining;
            v_errors := v_errors || v_done.errors;
        exception when others then
            v_counts := kronos.added(v_counts, '{"failed": 1}');
            v_errors := v_errors || jsonb_build_object('task', v_task, 'type', sqlstate, 'message', sqlerrm);
        end;
    end loop;
    v_counts := v_counts || jsonb_build_object('left', v_left);
    return case when v_errors = '[]' then v_counts
                else v_counts || jsonb_build_object('errors', v_errors) end;
end
$$;
