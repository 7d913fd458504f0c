-- endpoints_one_shots: find_one_shots among the finished ones within one week of ids that begins at
-- p_starts_at. Each endpoint's IMMEDIATE and DELAYED ones are read in their index's order, and merged. The
-- plan is made for the given week: it contains only the partitions of these ids.
-- Returns: newest first.
create or replace function kronos.endpoints_one_shots(
    p_endpoint_ids uuid[], p_immediates boolean[], p_prefix text, p_after timestamptz, p_before timestamptz,
    p_before_created_at timestamptz, p_before_id uuid, p_limit integer,
    p_starts_at timestamptz
)
returns table (id uuid, at timestamptz)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off set jit = off
as $$
declare
    v_first_id constant uuid := kronos.uuid7_floor(p_starts_at);
    v_end_id   constant uuid := kronos.uuid7_floor(p_starts_at + interval '168 hours');
begin
    return query
        select found.id, found.at
          from unnest(p_endpoint_ids) as endpoint (id)
         cross join unnest(p_immediates) as wanted (is_immediate)
         cross join lateral (select done.execution_id as id, done.created_at as at
                               from kronos.execution_done as done
                              where done.endpoint_id = endpoint.id
                                and (done.scheduled_at = done.created_at) = wanted.is_immediate
                                and done.job_id = done.execution_id
                                and done.execution_id >= v_first_id and done.execution_id < v_end_id
                                and done.created_at > p_after and done.created_at < p_before
                                and (done.created_at, done.execution_id) < (p_before_created_at, p_before_id)
                                and (p_prefix is null or starts_with(done.execution_id::text, p_prefix))
                                and not exists (select from kronos.jobs as job
                                                 where job.job_id = done.execution_id)
                              order by done.created_at desc, done.execution_id desc
                              limit p_limit) as found
         order by found.at desc, found.id desc
         limit p_limit;
end
$$;
