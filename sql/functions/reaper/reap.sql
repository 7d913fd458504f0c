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
-- p_budget, which is less than a request waits for a locked row (2 s). A task that fails stops no other.
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
            case v_task
                when 'end_jobs' then
                    v_counts := v_counts || jsonb_build_object('ended', kronos.end_jobs(v_began, v_until));
                    v_left := v_left || jsonb_build_object('ended', (select count(*) from kronos.jobs as job
                                                                      where job.trigger = 'CRON'
                                                                        and job.status in ('ACTIVE', 'PAUSED')
                                                                        and job.ends_at <= v_began));
                when 'resume_jobs_in_time' then
                    select * into v_done from kronos.resume_jobs_in_time(v_began, v_until);
                    v_errors := v_errors || v_done.errors;
                    v_counts := kronos.added(v_counts, jsonb_build_object('resumed', v_done.resumed,
                                                                          'busy', v_done.busy,
                                                                          'failed',
                                                                          jsonb_array_length(v_done.errors)));
                    v_left := v_left || jsonb_build_object('resumed', (select count(*) from kronos.jobs as job
                                                                        where job.status = 'PAUSED'
                                                                          and job.resume_at <= v_began));
                when 'turn_all' then
                    v_left := v_left || jsonb_build_object('suspension', kronos.turn_all(v_until));
                when 'move_all' then
                    v_left := v_left || jsonb_build_object('calendars', kronos.move_all(v_until));
                when 'cancel_all' then
                    v_left := v_left || jsonb_build_object('cancelled', kronos.cancel_all(v_until));
                when 'delete_further' then
                    v_left := v_left || jsonb_build_object('deletions', kronos.delete_further(v_until));
                when 'refresh_zones' then
                    select * into v_done from kronos.refresh_zones(v_until);
                    v_errors := v_errors || v_done.errors;
                    v_counts := kronos.added(v_counts,
                                             jsonb_build_object('zones', v_done.zones,
                                                                'alarms', v_done.alarms,
                                                                'pointers', v_done.pointers,
                                                                'failed', jsonb_array_length(v_done.errors)));
                    v_left := v_left || jsonb_build_object('alarms', v_done.remaining);
                when 'decide_alarms' then
                    perform kronos.decide_alarms(v_began);
                when 'settle_alarms' then
                    -- before it holds any of their locks; from here on it only tries to lock
                    perform kronos.settle_alarms();
                when 'note_search_texts' then
                    perform kronos.note_search_texts(v_until);
                when 'repair_pg_cron' then
                    select * into v_done from kronos.repair_pg_cron(p_budget * 0.8);
                    v_errors := v_errors || v_done.errors;
                    v_counts := kronos.added(v_counts, v_done.counts);
                    v_left := v_left || jsonb_build_object('entries', v_done.remaining);
                when 'wake_pg_cron' then
                    perform kronos.wake_pg_cron();
            end case;
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
