-- retain: the task of the internal job retention. Removes old history, oldest first, for at most p_seconds,
-- and creates and drops partitions. The next run does the rest. Each part is separate: one that fails is
-- reported in errors, and undoes only its own writes.
-- It waits for no session, and none waits for it: the rows that it deletes are no longer used, and changes of
-- partitions take their locks last, and only if they are free.
-- Runs hourly. `kronos retention run` repeats it until nothing is left, with p_is_anew the first time, which
-- checks everything again.
-- Returns: counts, the execution's output. is_left: whether a further run has something to do now. goes_on:
-- it has more to do than to drop partitions that other sessions have locked. {"busy": true}: another run is
-- in progress.
create or replace function kronos.retain(p_seconds double precision default 10,
                                         p_is_anew boolean default false)
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_until   timestamptz := kronos.clock() + make_interval(secs => p_seconds);
    v_part    text;
    v_step    record;
    v_counts  jsonb := '{}'::jsonb;
    v_errors  jsonb := '[]'::jsonb;
    v_is_left boolean := false;
    v_is_held boolean := false;      -- executions are left, which keep their backfills and jobs
begin
    if not pg_try_advisory_xact_lock(hashtext('kronos.retain')) then
        return '{"busy": true, "is_left": true}'::jsonb;
    end if;
    if p_is_anew then
        update kronos.retention
           set backfills_until = '-infinity', backfills_until_id = '00000000-0000-0000-0000-000000000000',
               jobs_until = '-infinity', jobs_until_id = '00000000-0000-0000-0000-000000000000',
               jobs_began_at = kronos.now();
        update kronos.retention_sweeps
           set swept_until = '00000000-0000-0000-0000-000000000000', began_at = kronos.now()
         where days = 0;
    end if;
    foreach v_part in array array['keys', 'run_details', 'remains', 'dead_letters', 'alerts', 'workspaces',
                                  'beats', 'executions', 'backfills', 'jobs', 'notes', 'audit',
                                  'add_partitions', 'drop_partitions'] loop
        if v_part = 'drop_partitions' and v_is_left then
            v_counts := v_counts || '{"goes_on": true}';
        end if;
        continue when v_part in ('backfills', 'jobs') and v_is_held;
        begin
            if v_part = 'keys' then
                select * into v_step
                  from kronos.retain_keys(v_until - make_interval(secs => p_seconds * 0.9));
            elsif v_part = 'run_details' then
                select counted.run_details, counted.is_left into v_step
                  from kronos.retain_run_details(20000) as counted;
            elsif v_part = 'remains' then
                select counted.job_faults, counted.job_faults >= 500 as is_left into v_step
                  from kronos.retain_remains(500, false) as counted;
            elsif v_part = 'dead_letters' then
                select counted.*,
                       greatest(counted.dead_letters, counted.operations) >= 5000 as is_left into v_step
                  from kronos.retain_dead_letters(5000, false) as counted;
            elsif v_part = 'alerts' then
                select counted.*, greatest(counted.incidents, counted.notifications) >= 5000 as is_left
                  into v_step
                  from kronos.retain_alerts(5000, false) as counted;
            elsif v_part = 'workspaces' then
                select counted.workspaces, counted.workspaces >= 100 as is_left into v_step
                  from kronos.retain_workspaces(100, false) as counted (workspaces);
            elsif v_part = 'beats' then
                select counted.pings, counted.ticks as heartbeat_ticks, counted.is_left into v_step
                  from kronos.retain_beats(5000) as counted;
            elsif v_part = 'executions' then
                select * into v_step
                  from kronos.retain_executions(v_until - make_interval(secs => p_seconds * 0.3));
                v_is_held := v_step.is_left;
            elsif v_part = 'backfills' then
                select * into v_step
                  from kronos.retain_backfills(100, v_until - make_interval(secs => p_seconds * 0.15));
            elsif v_part = 'jobs' then
                select * into v_step from kronos.retain_finished_jobs(v_until);
            elsif v_part = 'notes' then      -- late: sessions that note these days again wait
                select links.gone as callback_links, notes.gone as notes,
                       greatest(links.gone, notes.gone) >= 10000 as is_left into v_step
                  from kronos.retain_callbacks(10000) as links (gone)
                 cross join kronos.forget_notes(10000) as notes (gone);
            elsif v_part = 'audit' then
                select * into v_step from kronos.retain_audit(5000);
            elsif v_part = 'add_partitions' then
                select kronos.add_partitions() as partitions_made, false as is_left into v_step;
            else
                select dropped.partitions as partitions_dropped, dropped.executions as executions_dropped,
                       dropped.is_left into v_step
                  from kronos.drop_partitions() as dropped;
                update kronos.retention      -- what depends on their executions is looked at once more
                   set jobs_until = '-infinity', jobs_until_id = '00000000-0000-0000-0000-000000000000'
                 where v_step.partitions_dropped > 0;
            end if;
            v_is_left := v_is_left or v_step.is_left;
            v_counts := v_counts || (to_jsonb(v_step) - 'is_left');
        exception when others then
            v_errors := v_errors || jsonb_build_object('task', v_part, 'type', sqlstate, 'message', sqlerrm);
        end;
    end loop;
    update kronos.retention
       set ran_at = kronos.clock(), done_at = case when v_is_left or v_errors <> '[]' then done_at
                                                      else kronos.clock() end;
    v_counts := v_counts || jsonb_build_object('is_left', v_is_left);
    return case when v_errors = '[]' then v_counts
                else v_counts || jsonb_build_object('errors', v_errors) end;
end
$$;
