-- get_retention: the ages that apply to the workspace that the transaction has entered, its own and the
-- instance's, and the time since which its history is complete.
-- Returns: no row if no workspace was entered. retained_from: null if nothing was ever removed.
create or replace function kronos.get_retention()
returns table (workspace text, success_days integer, failure_days integer, own_success_days integer,
               own_failure_days integer, instance_success_days integer, instance_failure_days integer,
               retained_from timestamptz, version integer)
language sql stable rows 1 security definer set search_path = pg_catalog, pg_temp
as $$
    select workspace.slug, coalesce(own.success_days, instance.success_days),
           coalesce(own.failure_days, instance.failure_days), own.success_days, own.failure_days,
           instance.success_days, instance.failure_days,
           nullif(kronos.retained_from(workspace.workspace_id), '-infinity'), coalesce(own.version, 1)
      from kronos.workspaces as workspace
     cross join kronos.retention as instance
      left join kronos.workspace_retention as own using (workspace_id)
     where workspace.workspace_id = kronos.current_workspace_id()
$$;
