-- failures_until: the instant before which the workspace's failures are no longer kept.
create or replace function kronos.failures_until(p_workspace_id uuid) returns timestamptz
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select kronos.now() - make_interval(days => coalesce(own.failure_days, instance.failure_days))
      from kronos.retention as instance
      left join kronos.workspace_retention as own on own.workspace_id = p_workspace_id
$$;
