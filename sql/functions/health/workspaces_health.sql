-- workspaces_health: what needs attention in each of these workspaces.
-- Returns: one row per workspace that exists. overdue_jobs: CRON jobs that have been due longer than catch-up
-- leaves any, counted up to 10,000 in the whole instance; failing_endpoints: those whose last attempts
-- failed, or that are slowed or disabled; dead_letters: counted up to 1,000.
create or replace function kronos.workspaces_health(p_workspace_ids uuid[])
returns table (workspace text, name text, status text, overdue_jobs integer, failing_endpoints integer,
               dead_letters integer)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $$
begin
    return query
        with overdue as materialized (
            select due.workspace_id, count(*)::integer as jobs
              from (select pointer.workspace_id
                      from kronos.pointers as pointer
                     where pointer.is_awaited
                       and pointer.next_tick_at >= (select floor.lowest_at
                                                      from kronos.pointers_floor as floor)
                       and pointer.next_tick_at < kronos.clock() - kronos.grace() - interval '60 seconds'
                     order by pointer.next_tick_at
                     limit 10000) as due
             group by due.workspace_id
        ), failing as materialized (
            select health.workspace_id, count(*)::integer as endpoints
              from kronos.endpoint_health as health
             where health.is_watched or health.state <> 'ACTIVE'
             group by health.workspace_id
        )
        select found.slug, found.name, found.status, coalesce(overdue.jobs, 0),
               coalesce(failing.endpoints, 0),
               (select count(*)::integer
                  from (select
                          from kronos.dead_letters as letter
                         where letter.workspace_id = found.workspace_id
                         limit 1000) as letters)
          from kronos.workspaces as found
          left join overdue using (workspace_id)
          left join failing using (workspace_id)
         where found.workspace_id = any (p_workspace_ids) and found.status <> 'DELETED';
end
$$;
