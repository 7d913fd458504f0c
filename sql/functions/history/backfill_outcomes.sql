-- backfill_outcomes: the outcomes of a backfill's finished executions. The ids of those that it created begin
-- with the millisecond of its creation (backfill_execution_id), so they are adjacent in one partition; those
-- that it made due again are read by their own ids (backfill_redriven).
-- Returns: one row. Runs as the caller: row level security applies.
create or replace function kronos.backfill_outcomes(p_backfill_id uuid, p_created_at timestamptz,
                                                    out succeeded bigint, out failed bigint,
                                                    out cancelled bigint, out skipped bigint)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_first constant uuid := kronos.uuid7_floor(date_trunc('milliseconds', kronos.finite(p_created_at)));
    v_end   constant uuid := kronos.uuid7_floor(date_trunc('milliseconds', kronos.finite(p_created_at))
                                                + interval '2 milliseconds');
begin
    select count(*) filter (where done.status = 'SUCCESS'), count(*) filter (where done.status = 'FAILED'),
           count(*) filter (where done.status = 'CANCELLED'),
           count(*) filter (where done.status in ('SKIPPED', 'MISSED', 'EXPIRED'))
      into succeeded, failed, cancelled, skipped
      from (select made.status
              from kronos.execution_done as made
             where made.execution_id >= v_first and made.execution_id < v_end
               and made.backfill_id = p_backfill_id
             union all
            select ended.status
              from kronos.finished_among(array(select again.execution_id
                                                 from kronos.backfill_redriven as again
                                                where again.backfill_id = p_backfill_id
                                                  and not (again.execution_id >= v_first
                                                           and again.execution_id
                                                               < v_end))) as ended) as done;
end
$$;
