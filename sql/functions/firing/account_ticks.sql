-- account_ticks: accounts for every due tick of the jobs given: the one place where a tick becomes an execution and the pointer moves.
-- The caller holds the rows' locks. The execution's id is the tick's, and it is looked for among the finished ones too, so that a pointer
-- set back by hand or by a restore cannot deliver a tick a second time: nor where its execution ends at this very moment. The statement does not see it
-- among the finished then, and once it is committed finds no live one in its way, so such ticks are looked for again in a statement that does see it.
-- Missed ticks that are delivered after all are spread over all jobs together (catch_up_wave): most overdue first, so many at once, then one
-- each stagger_seconds. The wave's row is locked only where there are such ticks.
-- Called by: account_each.   Returns: how many executions were made for delivery.
-- Nested loops only: the planner cannot know how few ticks are due. Its plan is kept, so it names no partition: the finished are finished_among's.
create or replace function kronos.account_ticks(p_job_ids uuid[], p_now timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan
as $$
declare
    v_delivered integer;
    v_ended     uuid[];
    v_again     uuid[];      -- those not later than the last that was delivered before
    v_ended_now integer;
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
               case when (job.whole).overlap <> 'ALLOW' then (job.whole).first_version_id end as overlap_key,
               job.endpoint_version, job.max_attempts, job.max_crashes, job.timeout_ms, (job.whole).last_run_at,
               kronos.tick_id((job.whole).job_id, tick.scheduled_at) as execution_id, tick.*
          from job
         cross join lateral (select * from kronos.due_ticks(job.whole, p_now) where (job.whole).overlap = 'ALLOW'
                              union all
                             select * from kronos.admitted_ticks(job.whole, p_now) where (job.whole).overlap <> 'ALLOW') as tick
    ), wave as materialized (
        select wave.*, kronos.is_over(wave, p_now) as is_over, case when kronos.is_over(wave, p_now) then immediate else greatest(immediate - at_once, 0) end as room
          from kronos.catch_up_wave as wave
         where exists (select from tick where kind = 'DELIVER' and cause = 'CATCH_UP')
           for update
    ), placed as materialized (
        select tick.*, tick.is_late and tick.nth <= wave.room as is_at_once,
               case when not tick.is_late        then tick.run_at
                    when tick.nth <= wave.room   then p_now
                    else greatest(p_now, case when not wave.is_over then wave.last_run_at end) + make_interval(secs => (tick.nth - wave.room) * wave.stagger_seconds)
               end as starts_at
          from (select *, (row_number() over (partition by is_late order by scheduled_at, execution_id))::integer as nth
                  from (select *, kind = 'DELIVER' and cause = 'CATCH_UP' as is_late from tick) as told) as tick
          left join wave on tick.is_late
    ), finished as materialized (
        select found.execution_id
          from kronos.finished_among(array(select execution_id from tick where kind = 'DELIVER')) as found
    ), waved as (
        update kronos.catch_up_wave
           set began_at    = case when before.is_over then p_now else before.began_at end,
               at_once     = case when before.is_over then 0 else before.at_once end + now_at_once.executions,
               last_run_at = now_at_once.last_run_at
          from wave as before,
               (select count(*) filter (where is_at_once)::integer as executions, max(starts_at) as last_run_at from placed where is_late) as now_at_once
    ), delivered as (
        insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, scheduled_at, run_at,
                                           visible_at, max_attempts, max_crashes, timeout_ms, input, overlap_key)
        select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, scheduled_at, starts_at,
               case when is_held then 'infinity' else starts_at end, max_attempts, max_crashes, timeout_ms, input, overlap_key
          from placed
         where kind = 'DELIVER'
           and not exists (select from finished where finished.execution_id = placed.execution_id)
            on conflict (execution_id) do nothing
        returning job_id
    ), not_delivered as (
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status, status_reason,
                                           scheduled_at, run_at, created_at, max_attempts, tick_count, input)
        select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, 'SCHEDULE', kind, reason,
               scheduled_at, scheduled_at, now(), max_attempts, tick_count, input
          from tick
         where kind in ('MISSED', 'SKIPPED')
           and not exists (select from kronos.execution_live as live where live.execution_id = tick.execution_id)
            on conflict (execution_id) do nothing
    ), moved as (
        update kronos.jobs as job
           set next_tick_at  = case when job.runs + next.tick_count >= job.max_runs then null else next.scheduled_at end,
               runs          = job.runs + next.tick_count,
               skip_next     = case when job.skip_next > 0
                                    then greatest(job.skip_next - coalesce((select sum(skipped.tick_count)
                                                                              from tick as skipped
                                                                             where skipped.job_id = next.job_id
                                                                               and skipped.kind = 'SKIPPED'
                                                                               and skipped.reason ->> 'code' = 'skip_next'), 0), 0)
                                    else 0 end,
               last_run_at   = greatest(next.run_at, job.last_run_at),
               status        = case when job.runs + next.tick_count >= job.max_runs then 'RETIRED' else job.status end,
               ticks_until   = case when job.runs + next.tick_count >= job.max_runs then next.run_at end,
               status_reason = case when job.runs + next.tick_count >= job.max_runs
                                    then jsonb_build_object('code', 'max_runs_reached', 'detail', format('max_runs of %s reached', job.max_runs))
                                    else job.status_reason end
          from tick as next
         where next.kind = 'NEXT'
           and job.job_id = next.job_id
        returning job.job_id, job.status
    )
    select (select count(*) from delivered), (select array_agg(job_id) from moved where status = 'RETIRED'),
           (select array_agg(execution_id) from placed where kind = 'DELIVER' and scheduled_at <= last_run_at)
      into v_delivered, v_ended, v_again;
    if v_again is not null then
        delete from kronos.execution_live as live using kronos.finished_among(v_again) as found where live.execution_id = found.execution_id;
        get diagnostics v_ended_now = row_count;
        v_delivered := v_delivered - v_ended_now;
    end if;
    if v_ended is not null then
        perform kronos.silence(v_ended);
    end if;
    return v_delivered;
end
$$;
