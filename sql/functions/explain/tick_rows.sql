-- tick_rows: the executions for a job's ticks from p_first up to p_last: scheduled ones, read by the bounds
-- of their ids and only from the window's weeks; and, with its last tick, the row of a run of ticks that
-- began earlier and reaches p_first. Row level security applies.
-- Returns: last_at only for that row; for an unfinished execution status RUNNING or QUEUED.
create or replace function kronos.tick_rows(p_job kronos.jobs, p_first timestamptz, p_last timestamptz)
returns table (first_at timestamptz, last_at timestamptz, tick_count integer, status text, code text,
               cause text)
language plpgsql stable rows 1500 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_first  constant uuid := kronos.uuid7_floor(p_first);
    v_end    constant uuid := kronos.uuid7_floor(p_last + interval '1 second');
    v_before constant uuid := kronos.counted_before(p_job, p_first);
begin
    return query
        select live.scheduled_at, null::timestamptz, 1,
               case when live.claim_token is not null and live.visible_at > kronos.now() then 'RUNNING'
                    else 'QUEUED' end, null::text, live.cause
          from kronos.execution_live as live
         where live.job_id = p_job.job_id and live.job_id <> live.execution_id
           and live.scheduled_at >= p_first and live.scheduled_at <= p_last
           and live.cause in ('SCHEDULE', 'CATCH_UP');
    return query
        select done.scheduled_at, null::timestamptz, done.tick_count, done.status,
               done.status_reason ->> 'code', done.cause
          from kronos.execution_done as done
         where done.job_id = p_job.job_id
           and done.execution_id >= v_first and done.execution_id < v_end
           and done.cause in ('SCHEDULE', 'CATCH_UP');
    if v_before is not null then
        return query
            select done.scheduled_at, kronos.time_of(done.status_reason ->> 'last'), done.tick_count,
                   done.status, done.status_reason ->> 'code', done.cause
              from kronos.execution_done as done
             where done.execution_id = v_before;
    end if;
end
$$;
