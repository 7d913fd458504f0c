-- skip_ticks: records a job's ticks that are due by p_upto (halted_upto) as not run, for one reason, and
-- moves the pointer past them. When the job ends (p_is_end), ticks that wait for a later day are included.
-- They become one SKIPPED row with first, last and count, each exact, however many ticks there are. If the
-- schedule is malformed, its ticks are unknown: the pointer stays, and kronos.job_faults says why. The caller
-- holds the row's lock.
-- Returns: the number of ticks skipped.
create or replace function kronos.skip_ticks(p_job_id uuid, p_upto timestamptz, p_reason jsonb,
                                             p_is_end boolean default false) returns integer
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
    v_job     kronos.jobs;
    v_tick    timestamptz;      -- its pointer
    v_last    timestamptz;      -- the last tick delivered; later than v_tick if the pointer was set back
    v_due     timestamptz;      -- when its pointer is due; differs from v_tick if a calendar moves the tick
    v_counted record;
begin
    select * into strict v_job from kronos.jobs where job_id = p_job_id for update;
    select coalesce(pointer.tick_at, pointer.next_tick_at), pointer.last_run_at, pointer.next_tick_at
      into v_tick, v_last, v_due
      from kronos.pointer_of(p_job_id) as pointer;
    begin
        select * into v_counted
          from kronos.count_ticks(v_job.schedule, v_tick,
                                  least(case when p_is_end then p_upto
                                             else kronos.halted_upto(v_job, v_tick, p_upto) end,
                                        v_job.ends_at - interval '1 microsecond'));
    exception when data_exception then
        raise warning 'kronos: the ticks of job % cannot be accounted for: % (%)', p_job_id, sqlerrm,
            sqlstate;
        insert into kronos.job_faults (job_id, workspace_id, next_tick_at, sqlstate, message)
        values (p_job_id, v_job.workspace_id, v_tick, sqlstate, sqlerrm)
            on conflict (job_id) do update
           set next_tick_at = excluded.next_tick_at, sqlstate = excluded.sqlstate, message = excluded.message,
               failed_at = kronos.now();
        return 0;
    end;
    if v_counted.ticks > 0 then
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                           cause, status, status_reason, scheduled_at, run_at, created_at,
                                           max_attempts, tick_count, input)
        select kronos.tick_id(p_job_id, untold.first_at), v_job.workspace_id, p_job_id, endpoint_id,
               endpoint.version, 'SCHEDULE', 'SKIPPED',
               p_reason || jsonb_build_object('first', untold.first_at, 'last', untold.last_at,
                                              'count', untold.ticks),
               untold.first_at, untold.first_at, kronos.now(), made_of.max_attempts, untold.ticks, v_job.input
          from kronos.endpoints as endpoint
          join kronos.endpoint_versions as made_of using (endpoint_id, version)
         cross join (select v_tick, v_counted.last_tick, v_counted.ticks
                      where v_last is null or v_tick > v_last
                      union all
                     select each.*
                       from kronos.untold_ticks(v_job, v_tick, v_counted.last_tick) as each
                      where v_tick <= v_last) as untold (first_at, last_at, ticks)
         where endpoint.endpoint_id = v_job.endpoint_id
            on conflict do nothing;
        update kronos.pointers
           set (next_tick_at, tick_at) = (select place.due_at, place.tick_at
                                            from kronos.pointer_at(v_job, v_counted.following_tick) as place)
         where job_id = p_job_id
           and next_tick_at = v_due;
    end if;
    return v_counted.ticks;
end
$$;
