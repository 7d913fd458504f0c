-- backfills_after: the p_limit backfills that ended next after a place, as long as they are older than the
-- shortest age in use. is_old: older than the age of their own outcome and workspace.
create or replace function kronos.backfills_after(p_at timestamptz, p_id uuid, p_limit integer)
returns table (backfill_id uuid, created_at timestamptz, completed_at timestamptz, is_old boolean)
language plpgsql stable set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
begin
    return query
        select ended.backfill_id, ended.created_at, ended.completed_at,
               ended.completed_at < kronos.now() - make_interval(days =>
                   case when ended.status = 'FAILED' then coalesce(own.failure_days, instance.failure_days)
                        else coalesce(own.success_days, instance.success_days) end)
          from (select backfill.*
                  from kronos.backfills as backfill
                 where (backfill.completed_at, backfill.backfill_id) > (p_at, p_id)
                   and backfill.completed_at
                       < kronos.now() - make_interval(days => (select min(age.days)
                                                                 from kronos.retention_ages() as age))
                 order by backfill.completed_at, backfill.backfill_id
                 limit p_limit) as ended
         cross join kronos.retention as instance
          left join kronos.workspace_retention as own on own.workspace_id = ended.workspace_id;
end
$$;
