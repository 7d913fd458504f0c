-- claimed_one_shots: find_one_shots among those being delivered. The index of an endpoint's one-shots does
-- not contain them, so that a claim writes no entry of it, which saves 3 us per delivery. They are few, only
-- what all workers have in progress, and are read by the index of leases. Runs as the caller: row level
-- security applies.
-- Returns: newest first.
create or replace function kronos.claimed_one_shots(
    p_endpoint_ids uuid[], p_immediates boolean[], p_prefix text, p_after timestamptz, p_before timestamptz,
    p_before_created_at timestamptz, p_before_id uuid, p_limit integer
)
returns table (id uuid, at timestamptz)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off set jit = off
as $$
begin
    return query
        select live.execution_id, live.created_at
          from kronos.execution_live as live
         where live.claim_token is not null
           and live.endpoint_id = any (p_endpoint_ids)
           and live.job_id = live.execution_id
           and (live.scheduled_at = live.created_at) = any (p_immediates)
           and live.created_at > p_after and live.created_at < p_before
           and (live.created_at, live.execution_id) < (p_before_created_at, p_before_id)
           and (p_prefix is null or starts_with(live.execution_id::text, p_prefix))
           and not exists (select from kronos.jobs as job where job.job_id = live.execution_id)
         order by live.created_at desc, live.execution_id desc
         limit p_limit;
end
$$;
