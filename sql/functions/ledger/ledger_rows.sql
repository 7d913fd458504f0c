-- ledger_rows: the rows that account for a job's ticks in [p_from, p_to), each with the first and the last
-- tick that it stands for. Only scheduled ones, not manual runs or backfills. Includes a counted row that
-- began before p_from and reaches into the window. A tick's id begins with the tick, so no row of the window
-- has an older id; a row with a newer id, which no tick produces, is found too, to be reported as surplus.
-- Ids are read in spans of 32 days up to now, and a span's locks are released when it is done (as in
-- finished_among). Row level security applies.
create or replace function kronos.ledger_rows(p_job kronos.jobs, p_from timestamptz, p_to timestamptz)
returns table (first_tick_at timestamptz, last_tick_at timestamptz, tick_count integer, disposition text)
language plpgsql stable rows 1500 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_before uuid := kronos.counted_before(p_job, p_from);
    v_from   timestamptz := kronos.finite(greatest(p_from, least(p_job.ticks_from, p_job.created_at)));
    v_to     timestamptz;
    v_end_id uuid;      -- null: up to any
begin
    return query
        select live.scheduled_at, live.scheduled_at, 1, 'delivered'
          from kronos.execution_live as live
         where live.job_id = p_job.job_id and live.job_id <> live.execution_id
           and live.scheduled_at >= p_from and live.scheduled_at < p_to
           and live.cause in ('SCHEDULE', 'CATCH_UP');
    if v_before is not null then
        return query
            select before.scheduled_at, kronos.time_of(before.status_reason ->> 'last'), before.tick_count,
                   case before.status when 'SKIPPED' then 'skipped' else 'missed' end
              from kronos.execution_done as before
             where before.execution_id = v_before;
    end if;
    while v_from is not null loop
        v_to := case when v_from + interval '32 days' < kronos.now() then v_from + interval '32 days' end;
        v_end_id := kronos.uuid7_floor(v_to);
        begin
            return query
                select done.scheduled_at,
                       case when done.tick_count = 1 then done.scheduled_at
                            else kronos.time_of(done.status_reason ->> 'last') end,
                       done.tick_count,
                       case done.status
                            when 'MISSED' then 'missed'
                            when 'EXPIRED' then 'missed'
                            when 'SKIPPED' then 'skipped'
                                                         else 'delivered' end
                  from kronos.execution_done as done
                 where done.job_id = p_job.job_id
                   and done.execution_id >= kronos.uuid7_floor(v_from)
                   and (v_end_id is null or done.execution_id < v_end_id)
                   and done.scheduled_at >= p_from and done.scheduled_at < p_to
                   and done.cause in ('SCHEDULE', 'CATCH_UP');
            raise sqlstate 'KR020' using message = 'the span is done: its locks are released';
        exception when sqlstate 'KR020' then
            v_from := v_to;
        end;
    end loop;
end
$$;
