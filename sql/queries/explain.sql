-- name: get_facts
-- All facts about a job around an instant, for the version whose tick falls into the minute, otherwise the
-- version that was in force then, otherwise the nearest one. %(job)s is an id or a name; an id selects the
-- chain of that version. No row: no such job.
with asked as materialized (
    select job.job_id, job.first_version_id, job.version, kronos.tick_near(job.schedule, moment.at) as tick,
           moment.at
      from (select coalesce(%(at)s::timestamptz, kronos.now()) as at) as moment
     cross join kronos.job_rows(kronos.find_job(%(job)s)) as job
     where job.workspace_id = kronos.current_workspace_id()
), chain as materialized (
    select job as whole, near.tick, asked.at,
           -- the ticks of a version are later than ticks_from, up to and including ticks_until
           near.tick > job.ticks_from
               and (job.ticks_until is null or near.tick <= job.ticks_until) as has_tick,
           job.ticks_from < asked.at
               and (job.ticks_until is null or asked.at <= job.ticks_until) as is_in_force,
           job.ticks_from < asked.at as has_begun
      from asked
     cross join lateral kronos.version_rows(asked.first_version_id) as job
     cross join lateral (select case when job.ticks_from < asked.at + interval '1 minute'
                                      and (job.ticks_until is null
                                           or job.ticks_until >= asked.at - interval '1 minute')
                                     then kronos.tick_near(job.schedule, asked.at) end as tick) as near
), version as materialized (
    select chain.whole, (chain.whole).*, chain.at, case when chain.has_tick then chain.tick end as tick,
           chain.tick as tick_out_of_force, chain.is_in_force, chain.has_begun
      from chain
     order by chain.has_tick desc nulls last, chain.is_in_force desc, chain.has_begun desc,
              case when chain.has_begun then (chain.whole).ticks_from end desc, (chain.whole).ticks_from
     limit 1
-- once, and separately: inside a condition it would be evaluated for every row
), run as materialized (
    select told.facts, (told.facts ->> 'execution_id')::uuid as execution_id
      from version
     cross join lateral (select kronos.run_of(version.whole,
                                              coalesce(version.tick, kronos.one_shot_at(version.whole)),
                                              version.at) as facts) as told
)
select asked.job_id, asked.version as asked_version, asked.tick as asked_tick, version.at,
       kronos.now() as now,
       version.tick, version.tick_out_of_force, kronos.one_shot_at(version.whole) as one_shot_at,
       version.is_in_force, version.has_begun, version.job_id as version_id, version.version,
       version.trigger, version.status, version.status_reason, version.cron, version.every,
       version.timezone, version.description, version.ticks_from, version.ticks_until, version.created_at,
       version.retired_at, version.run_at, version.starts_at, version.ends_at,
       coalesce(pointer.runs, version.runs) as runs, version.max_runs, version.overlap, version.dst_gap,
       version.dst_overlap, version.jitter_seconds, version.offset_seconds, version.catch_up_policy,
       version.catch_up_window_seconds,
       nullif(coalesce(pointer.tick_at, pointer.next_tick_at), 'infinity') as next_tick_at,
       version.skip_next, version.resume_at, version.replaced_by_id,
       case when version.trigger = 'CRON'
            then kronos.read_instant(version.schedule, version.cron, version.at) end as reading,
       workspace.slug as workspace, workspace.status as workspace_status, workspace.suspended_at,
       (select turn.instants
          from kronos.turns as turn
         where turn.workspace_id = workspace.workspace_id) as turns,
       case when version.tick is not null and version.skip_next > 0
            then exists (select
                           from kronos.next_counted(version.whole,
                                                    kronos.finite(nullif(
                                                        coalesce(pointer.tick_at, pointer.next_tick_at),
                                                        'infinity')),
                                                    version.skip_next) as soon
                          where soon = version.tick)
            else false
       end as is_to_be_skipped,
       case when version.calendars <> '{}' and version.tick is not null
            then (select told.closure
                    from kronos.closures_told(version.whole,
                                              nullif(coalesce(pointer.tick_at, pointer.next_tick_at),
                                                     'infinity'),
                                              array[version.tick]) as told) end as closure,
       coalesce(version.tick > kronos.last_tick_left(version.whole, pointer), false) as is_beyond_max_runs,
       kronos.job_fault(version.whole) as fault, nullif(kronos.retained_from(version.workspace_id),
                                                        '-infinity') as retained_from, run.facts as run,
       (select jsonb_agg(jsonb_build_object('attempt_number', attempt.attempt_number,
                                            'status', attempt.status, 'worker_id', attempt.worker_id,
                                            'started_at', kronos.iso(attempt.started_at),
                                            'completed_at', kronos.iso(attempt.completed_at),
                                            'error', attempt.error) order by attempt.attempt_number)
          from (select tried.*
                  from kronos.read_attempts(run.execution_id) as tried
                 order by tried.attempt_number desc
                 limit 100) as attempt) as attempts,
       endpoint.name as endpoint, gate.in_flight, gate.max_in_flight,
       case when gate.paused_until > kronos.now()
            then kronos.iso(nullif(gate.paused_until, 'infinity')) end as gate_paused_until,
       coalesce(gate.paused_until > kronos.now(), false) as is_gate_paused,
       kronos.shown_health(endpoint_health, gate) as endpoint_health, endpoint.on_disabled,
       (select count(*)::integer
          from pg_stat_activity as backend
         where backend.datname = current_database()
           and starts_with(backend.application_name, 'kronos-worker-')) as worker_sessions,
       pg_cron.facts as pg_cron,
       kronos.is_job_entry_right(version.job_id, version.alarm, pg_cron.facts -> 'entry') as is_entry_right,
       version.alarm, health.silent_seconds as pg_cron_silent_seconds, kronos.is_held() as is_held,
       health.alarm_failure as pg_cron_failure,
       (select to_jsonb(limited) || jsonb_build_object('next_token_at', kronos.iso(limited.next_token_at))
          from kronos.gate_state(version.endpoint_id) as limited) as limits,
       gate.worker_group, kronos.is_group_served(gate.worker_group) as is_group_served
  from asked
 cross join version
 cross join run
 cross join kronos.pg_cron_health() as health
  left join lateral kronos.pointer_of(version.job_id) as pointer on true
 cross join lateral (select case when version.trigger = 'CRON'
                                 then kronos.pg_cron_evidence(version.job_id,
                                                              date_trunc('minute',
                                                                         coalesce(version.tick, version.at),
                                                                         'UTC'),
                                                              coalesce(version.tick, version.at)
                                                                  + interval '10 minutes')
                            end as facts) as pg_cron
  join kronos.workspaces as workspace on workspace.workspace_id = version.workspace_id
  join kronos.endpoints as endpoint on endpoint.endpoint_id = version.endpoint_id
  left join kronos.endpoint_gate as gate on gate.endpoint_id = version.endpoint_id
  left join kronos.endpoint_health on endpoint_health.endpoint_id = version.endpoint_id;
-- name: list_ticks
-- The ticks of a window, for all versions of a CRON job, in order, each with its execution. No row: there are
-- none, or no such job.
with version as materialized (
    select job as whole, job.*
      from kronos.job_rows(kronos.find_job(%(job)s)) as asked
     cross join lateral kronos.version_rows(asked.first_version_id) as job
     where asked.workspace_id = kronos.current_workspace_id()
       and job.trigger = 'CRON'
       and job.ticks_from < %(to_at)s::timestamptz
       and (job.ticks_until is null or job.ticks_until >= %(from_at)s::timestamptz)
     order by job.ticks_from
     limit 1000
), tick as materialized (
    select version.job_id, told.*
      from version
     cross join lateral kronos.ticks_told(version.whole, %(from_at)s, %(to_at)s, %(limit)s) as told
     order by told.tick, version.version
     limit %(limit)s
), closed as materialized (
    select version.job_id, told.tick, told.closure
      from version
     cross join lateral kronos.closures_told(version.whole, (
           select nullif(coalesce(pointer.tick_at, pointer.next_tick_at), 'infinity')
             from kronos.pointer_of(version.job_id) as pointer), array(
           select tick.tick from tick where tick.job_id = version.job_id order by 1)) as told
     where version.calendars <> '{}'
)
select told.tick, version.job_id as version_id, version.version, version.status, version.ticks_from,
       version.ticks_until, version.starts_at, version.ends_at, version.overlap, version.jitter_seconds,
       version.offset_seconds,
       version.catch_up_policy, version.catch_up_window_seconds, told.facts as run, told.is_to_be_skipped,
       told.pg_cron, closed.closure
  from tick as told
  join version using (job_id)
  left join closed on closed.job_id = told.job_id and closed.tick = told.tick
 order by told.tick, version.version;
-- name: count_tick_days
-- The outcomes of the ticks of a window, for all versions of a CRON job, by day and outcome. No row: there
-- are none, or no such job.
select counted.day, counted.status, counted.code, counted.cause, job.job_id as version_id,
       counted.ticks::integer as ticks, counted.first_tick
  from kronos.job_rows(kronos.find_job(%(job)s)) as asked
 cross join lateral kronos.check_zone(coalesce(%(zone)s::text, asked.timezone)) as zone (name)
 cross join lateral kronos.version_rows(asked.first_version_id) as job
 cross join lateral kronos.tick_days(job, %(from_at)s, %(to_at)s, zone.name) as counted
 where asked.workspace_id = kronos.current_workspace_id()
   and job.trigger = 'CRON'
   and job.ticks_from < %(to_at)s::timestamptz
   and (job.ticks_until is null or job.ticks_until >= %(from_at)s::timestamptz)
 order by counted.first_tick;

-- name: get_local_instant
-- The instant at which the clocks of a job's zone show a local time. No row: no such job.
select kronos.local_instant(%(local)s::timestamp, coalesce(job.timezone, 'UTC'),
                            coalesce(job.dst_gap, 'SHIFT')) as at
  from kronos.job_rows(kronos.find_job(%(job)s)) as job
 where job.workspace_id = kronos.current_workspace_id();
