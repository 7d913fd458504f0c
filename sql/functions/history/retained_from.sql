-- retained_from: the instant from which a workspace's history is complete; executions that finished earlier
-- may be deleted. It reflects what retention has done, not what the ages allow: if retention never ran,
-- everything is still there; if an age was extended, what the shorter one deleted stays deleted.
-- Returns: '-infinity' if nothing was ever deleted.
create or replace function kronos.retained_from(p_workspace_id uuid) returns timestamptz
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select greatest(instance.forgotten_before, own.forgotten_before,
                    (select max(sweep.cutoff_at)
                       from kronos.retention_sweeps as sweep
                      where sweep.days in (coalesce(own.success_days, instance.success_days),
                                           coalesce(own.failure_days, instance.failure_days))))
      from kronos.retention as instance
      left join kronos.workspace_retention as own on own.workspace_id = p_workspace_id
$$;
