-- unwanted_ticks: the due ticks of a job whose endpoint is disabled with on_disabled SKIP, so that no tick
-- waits for it. A tick that due_ticks would deliver is SKIPPED, for p_reason, and does not count as a run.
-- Runs that wait or are in progress are not affected, whatever the overlap setting. Its rows are those of
-- due_ticks.
create or replace function kronos.unwanted_ticks(p_job kronos.jobs, p_pointer kronos.pointers,
                                                 p_now timestamptz, p_reason jsonb)
returns table (kind text, scheduled_at timestamptz, run_at timestamptz, cause text, tick_count integer,
               reason jsonb, is_held boolean)
language sql stable rows 2 set search_path = pg_catalog, pg_temp
as $$
    select case when due.kind = 'DELIVER' then 'SKIPPED' else due.kind end, due.scheduled_at,
           case when due.kind <> 'NEXT' then due.scheduled_at end,
           case when due.kind <> 'NEXT' then 'SCHEDULE' end,
           case when due.kind = 'NEXT' then 0 else due.tick_count end,
           case when due.kind = 'DELIVER' then p_reason else due.reason end, false
      from kronos.due_ticks(p_job, p_pointer, p_now) as due
$$;
