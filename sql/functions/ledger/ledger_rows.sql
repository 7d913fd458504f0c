-- ledger_rows: the rows by which a job's ticks of [p_from, p_to) are accounted for, each with the first and the last tick that it stands for: what the
-- schedule made, not runs by hand or of a backfill. A counted row that began before p_from is one of them if it reaches into the window.
-- Called by: check_ledger.   Row level security confines it.
create or replace function kronos.ledger_rows(p_job_id uuid, p_from timestamptz, p_to timestamptz)
returns table (first_tick_at timestamptz, last_tick_at timestamptz, tick_count integer, disposition text)
language sql stable rows 1500 set search_path = pg_catalog, pg_temp
as $$
    select live.scheduled_at, live.scheduled_at, 1, 'delivered'
      from kronos.execution_live as live
     where live.job_id = p_job_id
       and live.scheduled_at >= p_from and live.scheduled_at < p_to
       and live.cause in ('SCHEDULE', 'CATCH_UP')
    union all
    select done.scheduled_at, case when done.tick_count = 1 then done.scheduled_at else (done.status_reason ->> 'last')::timestamptz end, done.tick_count,
           case done.status when 'MISSED' then 'missed' when 'EXPIRED' then 'missed' when 'SKIPPED' then 'skipped' else 'delivered' end
      from kronos.execution_done as done
     where done.job_id = p_job_id
       and done.scheduled_at >= p_from and done.scheduled_at < p_to
       and done.cause in ('SCHEDULE', 'CATCH_UP')
    union all
    -- Rows stand for runs that do not meet, so only the last one before the window can reach into it.
    select before.scheduled_at, (before.status_reason ->> 'last')::timestamptz, before.tick_count,
           case before.status when 'SKIPPED' then 'skipped' else 'missed' end
      from (select done.scheduled_at, done.status_reason, done.tick_count, done.status
              from kronos.execution_done as done
             where done.job_id = p_job_id
               and done.scheduled_at < p_from
               and done.cause in ('SCHEDULE', 'CATCH_UP')
             order by done.scheduled_at desc
             limit 1) as before
     where before.tick_count > 1
       and (before.status_reason ->> 'last')::timestamptz >= p_from
$$;
