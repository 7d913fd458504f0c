-- failures_until: what failed before this instant is kept no longer in the workspace.
create or replace function kronos.failures_until(p_workspace_id uuid) returns timestamptz
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select kronos.now() - make_interval(days => coalesce(own.failure_days, instance.failure_days))
      from kronos.retention as instance
      left join kronos.workspace_retention as own on own.workspace_id = p_workspace_id
$$;
