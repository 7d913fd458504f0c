-- account_ticks: accounts for every due tick of the given jobs, all or none. It is the only place where a
-- tick becomes an execution and the pointer moves. account_each handles broken rows. The caller holds the
-- rows' locks.
--
-- An execution's id is its tick's id, and finished executions are searched for it too. So a pointer that was
-- set back, by hand or by a restore, can neither deliver a tick a second time nor record a delivered tick as
-- missed (untold_ticks). That also holds for an execution that ends at this very moment: when this statement
-- reads, it does not see that execution among the finished ones, and when it inserts, no live row is left to
-- conflict with. Such ticks are therefore checked again in a second statement, which does see it.
--
-- Missed ticks that are delivered after all are spread over time, across all jobs together (catch_up_wave):
-- most overdue first, a number of them immediately, then one every stagger_seconds. The wave's row is locked
-- only if there are such ticks.
-- Returns: the number of executions created for delivery.
-- Nested loops only: the planner cannot know how few ticks are due. Its plan is cached, so the statement
-- names no partition; finished_among reads those.
create or replace function kronos.account_ticks(p_job_ids uuid[], p_now timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_delivered integer;
    v_ended     uuid[];
    v_again     uuid[];      -- those not later than the last one delivered before
    v_ended_now integer;
    v_are_counted constant boolean := kronos.has_daily_quota(null);
begin
    with job as materialized (
        select jobs as whole, pointer, endpoint.version as endpoint_version, made_of.max_attempts,
               made_of.max_crashes, made_of.timeout_ms,
               case when endpoint.on_disabled = 'SKIP' then kronos.why_disabled(endpoint.endpoint_id) end
                   as why_disabled,
               v_are_counted and kronos.has_daily_quota(jobs.workspace_id) as is_counted
          from kronos.jobs
         cross join lateral kronos.pointer_of(jobs.job_id) as pointer
          join kronos.endpoints as endpoint using (endpoint_id)
          join kronos.endpoint_versions as made_of on made_of.endpoint_id = endpoint.endpoint_id
           and made_of.version = endpoint.version
         where jobs.job_id = any (p_job_ids)
           and jobs.status = 'ACTIVE'
           and pointer.next_tick_at <= p_now
    ), tick as materialized (
        select (job.whole).job_id, (job.whole).workspace_id, (job.whole).endpoint_id, (job.whole).input,
               nullif((job.whole).priority, 0) as priority,
               case when (job.whole).overlap <> 'ALLOW' then (job.whole).first_version_id end as overlap_key,
               job.endpoint_version, job.max_attempts, job.max_crashes, job.timeout_ms,
               (job.pointer).last_run_at,
               (job.pointer).next_tick_at as pointer_at,
               (job.whole).max_runs - (job.pointer).runs as runs_left,
               make_interval(secs => (job.whole).deadline_seconds) as deadline,
               case when tick.kind = 'DELIVER'
                    then kronos.tick_id((job.whole).job_id, tick.scheduled_at) end as execution_id, tick.*
          from job
         cross join lateral (select *
                               from kronos.due_ticks(job.whole, job.pointer, p_now)
                              where (job.whole).overlap = 'ALLOW' and job.why_disabled is null
                                and not job.is_counted
                              union all
                             select *
                               from kronos.admitted_ticks(job.whole, job.pointer, p_now)
                              where (job.whole).overlap <> 'ALLOW' and job.why_disabled is null
                                and not job.is_counted
                              union all
                             select *
                               from kronos.counted_ticks(job.whole, job.pointer, p_now)
                              where job.is_counted and job.why_disabled is null
                              union all
                             select *
                               from kronos.unwanted_ticks(job.whole, job.pointer, p_now, job.why_disabled)
                              where job.why_disabled is not null) as tick
    ), wave as materialized (
        select wave.*, kronos.is_over(wave, p_now) as is_over,
               case when kronos.is_over(wave, p_now) then immediate
                    else greatest(immediate - at_once, 0) end as room
          from kronos.catch_up_wave as wave
         where exists (select from tick where kind = 'DELIVER' and cause = 'CATCH_UP')
           for update
    ), placed as materialized (
        select tick.*, tick.is_late and tick.nth <= wave.room as is_at_once,
               case when not tick.is_late        then tick.run_at
                    when tick.nth <= wave.room   then p_now
                    else greatest(p_now, case when not wave.is_over then wave.last_run_at end)
                         + make_interval(secs => (tick.nth - wave.room) * wave.stagger_seconds)
               end as starts_at
          from (select *,
                (row_number() over (partition by is_late order by scheduled_at, execution_id))::integer as nth
                  from (select *, kind = 'DELIVER' and cause = 'CATCH_UP' as is_late
                          from tick) as told) as tick
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
               (select count(*) filter (where is_at_once)::integer as executions,
                       max(starts_at) as last_run_at
                  from placed
                 where is_late) as now_at_once
    ), delivered as (
        insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                           cause, scheduled_at, run_at, visible_at, max_attempts, max_crashes,
                                           timeout_ms, input, overlap_key, deadline_at,
                                           priority)
        select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, scheduled_at,
               starts_at, case when is_held then 'infinity' else starts_at end, max_attempts, max_crashes,
               timeout_ms, input, overlap_key,
               coalesce(kronos.time_of(reason ->> 'due_at'), scheduled_at) + deadline, priority
          from placed
         where kind = 'DELIVER'
           and not exists (select from finished where finished.execution_id = placed.execution_id)
            on conflict (execution_id) do nothing
        returning job_id
    ), not_delivered as (
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                           cause, status, status_reason, scheduled_at, run_at, created_at,
                                           max_attempts, tick_count, input)
        select kronos.tick_id(job_id, each.scheduled_at), workspace_id, job_id, endpoint_id, endpoint_version,
               'SCHEDULE', kind, each.reason,
               each.scheduled_at, each.scheduled_at, kronos.now(), max_attempts, each.tick_count, input
          from tick
         cross join lateral (select tick.scheduled_at, tick.tick_count, tick.reason
                              where tick.last_run_at is null or tick.scheduled_at > tick.last_run_at
                              union all
                             select untold.first_tick_at, untold.tick_count::integer,
                                    tick.reason || jsonb_build_object('first', untold.first_tick_at,
                                                                      'last', untold.last_tick_at,
                                                                      'count', untold.tick_count)
                               from kronos.jobs as job
                              cross join lateral kronos.untold_ticks(
                                  job, tick.scheduled_at, kronos.time_of(tick.reason ->> 'last')
                              ) as untold
                              where tick.scheduled_at <= tick.last_run_at
                                and job.job_id = tick.job_id) as each
         where kind in ('MISSED', 'SKIPPED')
           and not exists (select from kronos.execution_live as live
                            where live.execution_id = kronos.tick_id(tick.job_id, each.scheduled_at))
            on conflict do nothing
    ), moved as (
        update kronos.pointers as pointer
           set next_tick_at = coalesce(next.scheduled_at, 'infinity'),
               tick_at      = kronos.time_of(next.reason ->> 'tick_at'),
               runs         = pointer.runs + next.tick_count,
               last_run_at  = greatest(next.run_at, pointer.last_run_at),
               runs_from    = case when next.overlap_key is null then pointer.runs_from
                                   else kronos.next_runs_from(next.overlap_key) end
          from tick as next
         where next.kind = 'NEXT'
           and pointer.job_id = next.job_id
           and pointer.next_tick_at = next.pointer_at
    ), unskipped as (
        update kronos.jobs as job
           set skip_next = greatest(job.skip_next - skipped.ticks, 0)
          from (select skipped.job_id, sum(skipped.tick_count) as ticks
                  from tick as skipped
                 where skipped.kind = 'SKIPPED'
                   and skipped.reason ->> 'code' = 'skip_next'
                 group by skipped.job_id) as skipped
         where job.job_id = skipped.job_id
    )
    select (select count(*) from delivered),
           (select array_agg(execution_id)
              from placed
             where kind = 'DELIVER' and scheduled_at <= last_run_at),
           (select array_agg(job_id) from tick where kind = 'NEXT' and tick_count >= runs_left)
      into v_delivered, v_again, v_ended;
    if v_again is not null then
        delete from kronos.execution_live as live using kronos.finished_among(v_again) as found
         where live.execution_id = found.execution_id;
        get diagnostics v_ended_now = row_count;
        v_delivered := v_delivered - v_ended_now;
    end if;
    -- a separate statement: when a job ends, its pointer is deleted (stamp_job)
    if v_ended is not null then
        perform kronos.retire_spent(v_ended);
    end if;
    return v_delivered;
end
$$;
