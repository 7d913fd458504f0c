-- skip_each: skip_ticks for many jobs at once. The reason is p_reason or, if that is null, the reason each
-- job is halted. Ticks of paused jobs are skipped up to their resume_at, those of the others up to and
-- including p_upto.
-- If one row is malformed, each job is skipped separately, so that only the malformed one stays where it is
-- and kronos.job_faults says why. The caller holds the rows' locks. 0.2 ms per job, against 0.9 ms for
-- skip_ticks.
create or replace function kronos.skip_each(p_job_ids uuid[], p_upto timestamptz, p_reason jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    with job as materialized (
        select job.job_id, job.workspace_id, job.endpoint_id, job.input, job.schedule,
               pointer.next_tick_at as due_at,
               coalesce(pointer.tick_at, pointer.next_tick_at) as next_tick_at, pointer.last_run_at,
               job as whole, job.ends_at,
               coalesce(p_reason, kronos.why_halted(job)) as reason,
               coalesce(case when job.status = 'PAUSED' then job.resume_at - interval '1 microsecond' end,
                        p_upto) as upto
          from kronos.jobs as job
         cross join lateral kronos.pointer_of(job.job_id) as pointer
         where job.job_id = any (p_job_ids)
           and pointer.next_tick_at <= p_upto
    ), counted as materialized (
        select job.*, counts.*
          from job
         cross join lateral kronos.count_ticks(job.schedule, job.next_tick_at, least(
                                                   kronos.halted_upto(job.whole, job.next_tick_at, job.upto),
                                                   job.ends_at - interval '1 microsecond'
                                               )) as counts
         where counts.ticks > 0
    ), recorded as (
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                           cause, status, status_reason, scheduled_at, run_at, created_at,
                                           max_attempts, tick_count, input)
        select kronos.tick_id(counted.job_id, untold.first_at), counted.workspace_id, counted.job_id,
               counted.endpoint_id, endpoint.version, 'SCHEDULE', 'SKIPPED',
               counted.reason || jsonb_build_object('first', untold.first_at, 'last', untold.last_at,
                                                    'count', untold.ticks),
               untold.first_at, untold.first_at, kronos.now(), made_of.max_attempts, untold.ticks,
               counted.input
          from counted
         cross join lateral (select counted.next_tick_at, counted.last_tick, counted.ticks
                              where counted.last_run_at is null or counted.next_tick_at > counted.last_run_at
                              union all
                             select each.* from kronos.untold_ticks(counted.whole, counted.next_tick_at,
                                                                    counted.last_tick) as each
                              where counted.next_tick_at <= counted.last_run_at) as untold (first_at, last_at,
                                                                                            ticks)
          join kronos.endpoints as endpoint using (endpoint_id)
          join kronos.endpoint_versions as made_of using (endpoint_id, version)
            on conflict do nothing
    )
    update kronos.pointers as pointer
       set next_tick_at = place.due_at, tick_at = place.tick_at
      from counted
     cross join lateral kronos.pointer_at(counted.whole, counted.following_tick) as place
     where pointer.job_id = counted.job_id
       and pointer.next_tick_at = counted.due_at;
exception when data_exception then
    perform kronos.skip_ticks(job.job_id, coalesce(case when job.status = 'PAUSED'
                                                        then job.resume_at - interval '1 microsecond' end,
                                                   p_upto),
                              coalesce(p_reason, kronos.why_halted(job)))
       from kronos.jobs as job
      cross join lateral kronos.pointer_of(job.job_id) as pointer
      where job.job_id = any (p_job_ids)
        and pointer.next_tick_at <= p_upto;
end
$$;
