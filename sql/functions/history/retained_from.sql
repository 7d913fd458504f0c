-- retained_from: since when a workspace's history is whole: what finished before may be gone. Not what its
-- ages promise but what retention has done: where it never ran, everything is still there; and where an age
-- was made longer, what the shorter one took stays gone.
-- Returns: '-infinity' where nothing was ever taken.
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
