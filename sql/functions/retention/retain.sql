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
    v_task    text;
    v_step    jsonb;
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
    -- Notes come late, because sessions that note those days again wait for them.
    foreach v_task in array array['keys', 'run_details', 'remains', 'dead_letters', 'alerts', 'workspaces',
                                  'beats', 'executions', 'backfills', 'jobs', 'notes', 'audit',
                                  'add_partitions', 'drop_partitions'] loop
        if v_task = 'drop_partitions' and v_is_left then
            v_counts := v_counts || '{"goes_on": true}';
        end if;
        continue when v_task in ('backfills', 'jobs') and v_is_held;
        begin
            v_step := kronos.run_retention_task(v_task, v_until, p_seconds);
            v_is_held := v_is_held or v_task = 'executions' and (v_step ->> 'is_left')::boolean;
            v_is_left := v_is_left or (v_step ->> 'is_left')::boolean;
            v_counts := v_counts || (v_step - 'is_left');
        exception when others then
            v_errors := v_errors || jsonb_build_object('task', v_task, 'type', sqlstate, 'message', sqlerrm);
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
