-- plain_rows: the rows that account for ticks of several jobs in [p_from, p_to), each with its first and last
-- tick; last_at is null if a row does not say. Only scheduled ones, as in ledger_rows. Rows with an id older
-- than p_since are not read. p_prompt: jobs without late rows (late_jobs), of which rows that were created
-- before p_since are not read either; p_late: the other jobs, of which all rows are read.
create or replace function kronos.plain_rows(p_prompt uuid[], p_late uuid[], p_from timestamptz,
                                             p_to timestamptz, p_since timestamptz)
returns table (job_id uuid, execution_id uuid, first_at timestamptz, last_at timestamptz, tick_count integer)
language plpgsql stable rows 1500 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
begin
    return query
        select live.job_id, null::uuid, live.scheduled_at, live.scheduled_at, 1
          from kronos.execution_live as live
         where live.job_id = any (p_prompt || p_late) and live.job_id <> live.execution_id
           and live.scheduled_at >= p_from and live.scheduled_at < p_to
           and live.cause in ('SCHEDULE', 'CATCH_UP')
        union all
        select done.job_id, done.execution_id, done.scheduled_at,
               case when done.tick_count = 1 then done.scheduled_at
                    else kronos.time_of(done.status_reason ->> 'last') end, done.tick_count
          from kronos.execution_done as done
         where done.job_id = any (p_prompt)
           and done.status = any ('{SUCCESS,FAILED,CANCELLED,SKIPPED,MISSED,EXPIRED}'::text[])
           and done.created_at >= p_since
           and done.execution_id >= kronos.uuid7_floor(p_since)
           and done.scheduled_at < p_to
           and done.cause in ('SCHEDULE', 'CATCH_UP')
        union all
        select done.job_id, done.execution_id, done.scheduled_at,
               case when done.tick_count = 1 then done.scheduled_at
                    else kronos.time_of(done.status_reason ->> 'last') end, done.tick_count
          from kronos.execution_done as done
         where done.job_id = any (p_late)
           and done.execution_id >= kronos.uuid7_floor(p_since)
           and done.scheduled_at < p_to
           and done.cause in ('SCHEDULE', 'CATCH_UP');
end
$$;
