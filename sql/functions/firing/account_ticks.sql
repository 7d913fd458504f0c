-- account_ticks: accounts for every due tick of the jobs given: the one place where a tick becomes an execution and the pointer moves.
-- The caller holds the rows' locks. The execution's id is the tick's, and it is looked for among the finished ones too, so that a pointer
-- set back by hand or by a restore cannot deliver a tick a second time.
-- Called by: fire, account_each.   Returns: how many executions were made for delivery.
-- Nested loops only: the planner, who cannot know how few ticks are due, would otherwise hash all of execution_done.
create or replace function kronos.account_ticks(p_job_ids uuid[], p_now timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan
as $$
declare
    v_delivered integer;
begin
    with job as materialized (
        select jobs as whole, endpoint.version as endpoint_version, made_of.max_attempts, made_of.max_crashes, made_of.timeout_ms
          from kronos.jobs
          join kronos.endpoints as endpoint using (endpoint_id)
          join kronos.endpoint_versions as made_of on made_of.endpoint_id = endpoint.endpoint_id and made_of.version = endpoint.version
         where jobs.job_id = any (p_job_ids)
           and jobs.status = 'ACTIVE'
           and jobs.next_tick_at <= p_now
    ), tick as materialized (
        select (job.whole).job_id, (job.whole).workspace_id, (job.whole).endpoint_id, (job.whole).input,
               job.endpoint_version, job.max_attempts, job.max_crashes, job.timeout_ms,
               kronos.tick_id((job.whole).job_id, tick.scheduled_at) as execution_id, tick.*
          from job
         cross join lateral kronos.due_ticks(job.whole, p_now) as tick
    ), delivered as (
        insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, scheduled_at, run_at,
                                           visible_at, max_attempts, max_crashes, timeout_ms, input)
        select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, scheduled_at, run_at,
               run_at, max_attempts, max_crashes, timeout_ms, input
          from tick
         where kind = 'DELIVER'
           and not exists (select from kronos.execution_done as done where done.execution_id = tick.execution_id)
            on conflict (execution_id) do nothing
        returning job_id
    ), missed as (
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status, status_reason,
                                           scheduled_at, run_at, created_at, max_attempts, tick_count, input)
        select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, 'MISSED', reason,
               scheduled_at, run_at, now(), max_attempts, tick_count, input
          from tick
         where kind = 'MISSED'
            on conflict (execution_id) do nothing
    ), moved as (
        update kronos.jobs as job
           set next_tick_at  = case when job.runs + next.tick_count >= job.max_runs then null else next.scheduled_at end,
               runs          = job.runs + next.tick_count,
               last_run_at   = coalesce(next.run_at, job.last_run_at),
               status        = case when job.runs + next.tick_count >= job.max_runs then 'RETIRED' else job.status end,
               status_reason = case when job.runs + next.tick_count >= job.max_runs
                                    then jsonb_build_object('code', 'max_runs_reached', 'detail', format('max_runs of %s reached', job.max_runs))
                                    else job.status_reason end
          from tick as next
         where next.kind = 'NEXT'
           and job.job_id = next.job_id
    )
    select count(*) into v_delivered from delivered;
    return v_delivered;
end
$$;
