-- done_one_shots_within: the newest p_limit finished one-shots of the given endpoints within one week of ids,
-- among the newest p_width rows of each status in the workspace's order.
-- Returns: ids and instants; whether nothing else of that week could be on the page; and how many rows were
-- read.
create or replace function kronos.done_one_shots_within(
    p_endpoint_ids uuid[], p_immediates boolean[], p_prefix text, p_after timestamptz, p_before timestamptz,
    p_before_created_at timestamptz, p_before_id uuid, p_limit integer, p_statuses text[],
    p_starts_at timestamptz, p_width integer,
    out job_ids uuid[], out made timestamptz[], out is_whole boolean, out rows_read integer
)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
    v_workspace constant uuid        := kronos.current_workspace_id();
    v_first_id  constant uuid        := kronos.uuid7_floor(p_starts_at);
    v_end_id    constant uuid        := kronos.uuid7_floor(p_starts_at + interval '168 hours');
    v_up_to     constant timestamptz := least(p_before, p_before_created_at);
    v_down_to   timestamptz;      -- there may be older rows that were not read
begin
    with read as materialized (
        select wanted.status, done.*
          from unnest(p_statuses) as wanted (status)
         cross join lateral (select each.execution_id, each.job_id, each.endpoint_id, each.created_at,
                                    each.scheduled_at
                               from kronos.execution_done as each
                              where each.workspace_id = v_workspace
                                and each.status = wanted.status
                                and each.execution_id >= v_first_id and each.execution_id < v_end_id
                                and each.created_at > p_after and each.created_at <= v_up_to
                              order by each.created_at desc
                              limit p_width) as done
    )
    select coalesce(array_agg(top.id order by top.at desc, top.id desc), '{}'),
           coalesce(array_agg(top.at order by top.at desc, top.id desc), '{}'),
           (select count(*) from read),
           (select max(status.oldest)
              from (select min(read.created_at) as oldest
                      from read
                     group by read.status
                    having count(*) = p_width) as status)
      into job_ids, made, rows_read, v_down_to
      from (select read.execution_id as id, read.created_at as at
              from read
             where read.job_id = read.execution_id
               and read.endpoint_id = any (p_endpoint_ids)
               and (read.scheduled_at = read.created_at) = any (p_immediates)
               and read.created_at < p_before
               and (read.created_at, read.execution_id) < (p_before_created_at, p_before_id)
               and (p_prefix is null or starts_with(read.execution_id::text, p_prefix))
               and not exists (select from kronos.jobs as job where job.job_id = read.execution_id)
             order by read.created_at desc, read.execution_id desc
             limit p_limit) as top;
    is_whole := v_down_to is null or coalesce(made[p_limit] > v_down_to, false);
end
$$;
