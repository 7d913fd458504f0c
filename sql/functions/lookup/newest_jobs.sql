-- newest_jobs: endpoints_jobs for very many endpoints of the caller's workspace, without probing each. For
-- each pair of a trigger and a status, the workspace's jobs are read in their order, as far as the page is
-- likely to need, then a limited number of them.
-- Returns: one row: ids and instants, in no order, for the pairs of which nothing else could be on the page;
-- and the other pairs.
create or replace function kronos.newest_jobs(
    p_endpoint_ids uuid[], p_triggers text[], p_statuses text[], p_created_after timestamptz,
    p_created_before timestamptz, p_before_created_at timestamptz, p_before_id uuid, p_limit integer,
    out job_ids uuid[], out made timestamptz[], out rest_triggers text[], out rest_statuses text[]
)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    c_rows      constant integer := 4000;
    v_workspace constant uuid    := kronos.current_workspace_id();
    v_width     integer;
    v_found     record;
begin
    job_ids := '{}';
    made := '{}';
    select array_agg(trigger.name), array_agg(status.name) into rest_triggers, rest_statuses
      from unnest(p_triggers) as trigger (name)
     cross join unnest(p_statuses) as status (name);
    foreach v_width in array array[4 * p_limit, c_rows] loop
        exit when rest_triggers is null;
        with read as materialized (
            select pair.nth, job.job_id, job.created_at, job.endpoint_id = any (p_endpoint_ids) as is_wanted
              from unnest(rest_triggers, rest_statuses) with ordinality as pair (trigger, status, nth)
             cross join lateral (select each.job_id, each.created_at, each.endpoint_id
                                   from kronos.jobs as each
                                  where each.workspace_id = v_workspace
                                    and each.trigger = pair.trigger
                                    and each.status = pair.status
                                    and (p_created_after is null or each.created_at > p_created_after)
                                    and (p_created_before is null or each.created_at < p_created_before)
                                    and (each.created_at, each.job_id) < (p_before_created_at, p_before_id)
                                  order by each.created_at desc, each.job_id desc
                                  limit v_width) as job
        ), rest as materialized (
            select read.nth
              from read
             group by read.nth
            having count(*) = v_width and count(*) filter (where read.is_wanted) < p_limit
        )
        select coalesce(array_agg(read.job_id), '{}') as ids,
               coalesce(array_agg(read.created_at), '{}') as at,
               (select array_agg(rest_triggers[rest.nth] order by rest.nth) from rest) as triggers,
               (select array_agg(rest_statuses[rest.nth] order by rest.nth) from rest) as statuses
          into v_found
          from read
         where read.is_wanted and read.nth not in (select rest.nth from rest);
        job_ids := job_ids || v_found.ids;
        made := made || v_found.at;
        rest_triggers := v_found.triggers;
        rest_statuses := v_found.statuses;
    end loop;
end
$$;
