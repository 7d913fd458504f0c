-- system_workers: the executions that workers have in progress, for the instance's administrator: for each
-- worker with claims the number, and the five that it claimed first. Reads the ten thousand claims whose
-- leases end first; shows p_limit workers.
-- Returns: one row per execution, by worker, the earliest claim first. An idle worker has no row.
create or replace function kronos.system_workers(p_limit integer)
returns table (worker_id text, running bigint, execution_id uuid, workspace text, endpoint text, job_id uuid,
               job text, attempt smallint, claimed_at timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $$
begin
    return query
        with claimed as materialized (
            select live.worker_id, live.execution_id, live.workspace_id, live.endpoint_id, live.job_id,
                   live.attempt_count, live.claimed_at,
                   count(*) over (partition by live.worker_id) as running,
                   row_number() over (partition by live.worker_id
                                          order by live.claimed_at, live.execution_id) as nth,
                   dense_rank() over (order by live.worker_id) as nth_worker
              from (select leased.*
                      from kronos.execution_live as leased
                     where leased.claim_token is not null
                     order by leased.visible_at
                     limit 10000) as live
        )
        select claimed.worker_id, claimed.running, claimed.execution_id, found.slug, target.name,
               claimed.job_id, named.name, claimed.attempt_count, claimed.claimed_at
          from claimed
          join kronos.workspaces as found on found.workspace_id = claimed.workspace_id
          join kronos.endpoints as target on target.endpoint_id = claimed.endpoint_id
          left join kronos.jobs as named on named.job_id = claimed.job_id
         where claimed.nth <= 5 and claimed.nth_worker <= p_limit
         order by claimed.worker_id, claimed.nth;
end
$$;
