-- name: insert_cron_jobs
-- Insert rows, pointers and pg_cron entries of the CRON jobs in %(jobs)s, all or none: one row for each that
-- is created. A job that an idempotency key created earlier is returned under its own id. No row: no such
-- endpoint, the key created a job of another endpoint, or the workspace is suspended. No two of %(jobs)s may
-- have the same key or name.
-- The update on conflict changes nothing: it waits for a concurrent twin and returns it. Rows are inserted in
-- the order of names and keys, so that two such statements do not wait for each other.
-- Schedule, alarm and description come from read_schedules (queries/schedules.sql). So does the first tick,
-- unless it has passed since, or the window may exclude it. For a job with calendars, place_pointer computes
-- the pointer.
-- The result is not read through job_details: after cron.schedule every session plans queries of cron.job
-- again.
-- The statement itself enters the workspace, which halves the time that the API's process spends in the
-- driver. No job names a workspace: all belong to the entered one. Row level security compares with the
-- setting when endpoints are read. `offset 0` keeps both subqueries separate, so that the lateral one can
-- only run after the row that made the setting. In any other order it would find nothing, and jobs.create
-- tries once more after entering the workspace the ordinary way. enable_seqscan: as in
-- enter_workspace_to_write.
with given as materialized (
    select *
      from jsonb_to_recordset(%(jobs)s)
        as given (job_id uuid, endpoint text, input jsonb, idempotency_key text, request_sha256 bytea,
                  schedule kronos.schedule, alarm text, description text, read_at timestamptz,
                  tick_then timestamptz,
                  {CronTerms but anchor, offset_seconds as record})
), endpoint as materialized (
    select *
      from (select workspace_id, slug, set_config('kronos.workspace_id', workspace_id::text, true) as entered
              from kronos.find_workspace(%(workspace)s)
             where status = 'ACTIVE' and set_config('kronos.caller', %(caller)s, true)
                   || set_config('enable_seqscan', 'off', true) is not null
            offset 0) as workspace
     cross join lateral (select endpoint_id, name, type
                           from kronos.endpoints
                          where workspace_id = workspace.entered::uuid
                            and name = any (%(endpoints)s) and deleted_at is null
                         offset 0) as found
-- the first tick before the row: a schedule that never fires gets its own error
), fresh as materialized (
    select given.*, workspace_id, endpoint_id,
           case when kronos.now() >= read_at and kronos.now() < tick_then then tick_then
                else kronos.first_tick(schedule, starts_at, ends_at)
           end as tick_at
      from given
      join endpoint on endpoint.name = given.endpoint
), job as (
    insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, input, schedule,
                             alarm, description, anchor, anchor_local, idempotency_key, request_sha256,
                             {CronTerms but anchor, offset_seconds})
    select job_id, job_id, workspace_id, endpoint_id, 'CRON', input, schedule,
           alarm, description, (schedule).anchor, (schedule).anchor_local, idempotency_key, request_sha256,
           {CronTerms but anchor, offset_seconds}
      from fresh
     order by name, idempotency_key
        on conflict (workspace_id, idempotency_key) where idempotency_key is not null
                    do update set idempotency_key = excluded.idempotency_key
    returning *
), pointed as (
    insert into kronos.pointers (job_id, workspace_id, next_tick_at, tick_at)
    select job_id, job.workspace_id, tick_at, case when job.calendars <> '{}' then tick_at end
      from job join fresh using (job_id)
)
select {Job of job with
        slug as workspace, endpoint.name as endpoint, type as endpoint_type,
        coalesce(job.anchor, kronos.local_instant(job.anchor_local, job.timezone, job.dst_gap)) as anchor,
        kronos.iso_local(job.anchor_local) as anchor_local,
        kronos.catch_up_shown(job.catch_up_policy, job.catch_up_window_seconds) as catch_up,
        case cardinality(job.calendars) when 0 then tick_at
             else kronos.new_jobs_run(job_id, tick_at) end as next_run_at,
        case when tick_at is null then kronos.no_entry(job_id, job.alarm)
             else kronos.register_entry(job_id) end as pg_cron,
        null::text as run_at_local, null::jsonb as execution,
        kronos.callback_shown(job.on_success) as on_success,
        kronos.callback_shown(job.on_failure) as on_failure}
  from job
  join endpoint using (endpoint_id)
  left join fresh using (job_id);

-- name: insert_one_shots
-- IMMEDIATE and DELAYED jobs that are their executions (make_one_shots): the nth uses the nth of
-- %(endpoints)s, %(inputs)s and %(run_at)s, and of %(priorities)s, if not null. It enters the workspace as
-- insert_cron_jobs does. One row for each that is created, with only the data of its response
-- (kronos/one_shots.py). No row: no such endpoint, or the workspace is suspended.
select made.nth, made.job_id, made.endpoint_type, made.max_attempts, made.created_at, made.run_at,
       workspace.slug as workspace
  from (select slug, set_config('kronos.workspace_id', workspace_id::text, true) as entered
          from kronos.find_workspace(%(workspace)s)
         where status = 'ACTIVE' and set_config('kronos.caller', %(caller)s, true) is not null
        offset 0) as workspace
 cross join lateral kronos.make_one_shots(case when workspace.entered is not null
                                               then %(endpoints)s::text[] end,
                                          %(inputs)s::jsonb[], %(run_at)s::timestamptz[], false,
                                          %(priorities)s::smallint[]) as made
 where made.job_id is not null
   and (not %(wake)s or pg_notify(
            'kronos_work', case when made.run_at <= kronos.now() then made.endpoint_id::text else '' end
        )
                              is not null);

-- name: insert_one_shot_jobs
-- IMMEDIATE and DELAYED jobs that are more than their executions (a name, title, tag or key, or a local
-- time), with their executions, in one statement. Rows and workspace as in insert_cron_jobs. A NOTIFY is
-- never null.
with given as materialized (
    select *
      from jsonb_to_recordset(%(jobs)s)
        as given (job_id uuid, endpoint text, trigger text, input jsonb, run_at timestamptz,
                  run_at_local timestamp, timezone text, dst_gap text, idempotency_key text,
                  request_sha256 bytea, {JobTerms as record})
), endpoint as materialized (
    select found.*, workspace_id, slug, kronos.said_caller() as who
      from (select workspace_id, slug, set_config('kronos.workspace_id', workspace_id::text, true) as entered
              from kronos.find_workspace(%(workspace)s)
             where status = 'ACTIVE' and set_config('kronos.caller', %(caller)s, true) is not null
            offset 0) as workspace
     cross join lateral (select endpoint.endpoint_id, endpoint.name, endpoint.type, endpoint.version,
                                made_of.max_attempts, made_of.max_crashes, made_of.timeout_ms
                           from kronos.endpoints as endpoint
                           join kronos.endpoint_versions as made_of using (endpoint_id, version)
                          where endpoint.workspace_id = workspace.entered::uuid
                            and name = any (%(endpoints)s)
                            and deleted_at is null
                         offset 0) as found
), job as (
    insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, input, run_at,
                             run_at_local, timezone, dst_gap, idempotency_key, request_sha256, {JobTerms})
    select job_id, job_id, workspace_id, endpoint_id, given.trigger,
           given.input, given.run_at, given.run_at_local, given.timezone, given.dst_gap,
           given.idempotency_key, given.request_sha256, {JobTerms of given}
      from given
      join endpoint on endpoint.name = given.endpoint
     order by given.name, given.idempotency_key
        on conflict (workspace_id, idempotency_key) where idempotency_key is not null
                    do update set idempotency_key = excluded.idempotency_key
    returning *
), run as (
    insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                       cause, scheduled_at, run_at, visible_at,
                                       max_attempts, max_crashes, timeout_ms, input, deadline_at, priority,
                                       created_by)
    select kronos.tick_id(job.job_id, job.created_at), job.workspace_id, job.job_id, endpoint.endpoint_id,
           endpoint.version, 'API',
           coalesce(job.run_at, kronos.now()), coalesce(job.run_at, kronos.now()),
           greatest(job.run_at, kronos.now()), max_attempts, max_crashes, timeout_ms, job.input,
           coalesce(job.run_at, kronos.now()) + make_interval(secs => job.deadline_seconds),
           nullif(job.priority, 0),
           kronos.creator_of(who, job.job_id)
      from job
      join endpoint using (endpoint_id)
      join given on given.job_id = job.job_id
    returning *
)
select {Job of job with
        slug as workspace, endpoint.name as endpoint, endpoint.type as endpoint_type,
        null::text as anchor_local,
        kronos.catch_up_shown(job.catch_up_policy, job.catch_up_window_seconds) as catch_up,
        null::timestamptz as next_run_at, null::jsonb as pg_cron,
        kronos.iso_local(job.run_at_local) as run_at_local,
        kronos.queued_shown(run.execution_id, job.job_id, job.name, endpoint.slug, endpoint.name,
                            endpoint.type, run.visible_at, run.run_at, run.max_attempts,
                            run.input, run.created_at, run.created_by) as execution,
        kronos.callback_shown(job.on_success) as on_success,
        kronos.callback_shown(job.on_failure) as on_failure}
  from job
  join endpoint using (endpoint_id)
  left join run on run.job_id = job.job_id
 where not %(wake)s or run.execution_id is null
    or pg_notify('kronos_work', case when run.visible_at <= kronos.now() then run.endpoint_id::text
                                     else '' end) is not null;

-- name: insert_bare_one_shots
-- As insert_one_shots, for a batch. If %(is_whole)s, all or none.
select made.nth, made.job_id, made.endpoint_type, made.max_attempts, made.created_at, made.run_at
  from (select array_agg(job.endpoint order by job.nth) as endpoints,
               array_agg(job.input order by job.nth) as inputs,
               array_agg(job.run_at order by job.nth) as run_at,
               array_agg(job.priority order by job.nth) as priorities
          from rows from (jsonb_to_recordset(%(jobs)s) as (endpoint text, input jsonb, run_at timestamptz,
                                                           priority smallint))
               with ordinality as job (endpoint, input, run_at, priority, nth)) as given
 cross join lateral kronos.make_one_shots(given.endpoints, given.inputs, given.run_at,
                                          %(is_whole)s, given.priorities) as made
 where made.job_id is not null
   and (not %(wake)s or pg_notify(
            'kronos_work', case when made.run_at <= kronos.now() then made.endpoint_id::text else '' end
        )
                              is not null);

-- name: match_batch
-- Last statement of a batch that must be created whole: whether everything was created.
select kronos.require_jobs(%(job_ids)s::uuid[]) as jobs
 where kronos.current_workspace_id() is not null;

-- name: trigger_job
-- Create one execution now, in addition to the schedule: the pointer does not move. Under an overlap policy
-- it may wait for another, or be SKIPPED. No row: not an ACTIVE or PAUSED CRON job, or the workspace is
-- suspended. %(validated)s: see enter_validated.
with triggered as materialized (
    select job_id
      from kronos.trigger_job(case when set_config('kronos.validated', %(validated)s::text, true) is not null
                                   then %(job)s end, %(execution_id)s, %(input)s, %(wake)s,
                                     %(priority)s::smallint, %(deadline_seconds)s::integer) as made (job_id)
     where job_id is not null
), kept as (
    insert into kronos.idempotency_keys (workspace_id, operation, idempotency_key, request_sha256,
                                         resource_id)
    select kronos.current_workspace_id(), 'trigger', %(idempotency_key)s, %(request_sha256)s, %(execution_id)s
      from triggered
     where %(idempotency_key)s::text is not null
)
select job_id, 0 as entries from triggered;

-- name: trigger_jobs
-- trigger_job for the runs in %(runs)s, if all can be created now, otherwise for none: one row for each. No
-- row: use trigger_job, because runs of the job may not overlap, another session is changing the job at this
-- moment, or there is nothing to run. No two of %(runs)s may have the same key. Waits only for keys.
with given as materialized (
    select *, kronos.find_job(job) as job_id
      from jsonb_to_recordset(%(runs)s)
        as given (job text, execution_id uuid, input jsonb, idempotency_key text, request_sha256 bytea,
                  priority smallint, deadline_seconds integer)
), job as materialized (      -- shared, so that a job that is being cancelled gets no run
    select job_id, name, workspace_id, endpoint_id, input, deadline_seconds, priority
      from kronos.jobs
     where job_id = any (array(select given.job_id from given))
       and workspace_id = kronos.current_workspace_id()
       and trigger = 'CRON'
       and status in ('ACTIVE', 'PAUSED')
       and overlap = 'ALLOW'
       for share skip locked
), endpoint as materialized (
    select endpoint.endpoint_id, endpoint.name, endpoint.type, endpoint.version, endpoint.payload_spec_id,
           workspace.slug, made_of.max_attempts, made_of.max_crashes, made_of.timeout_ms
      from kronos.endpoints as endpoint
      join kronos.endpoint_versions as made_of using (endpoint_id, version)
      join kronos.workspaces as workspace on workspace.workspace_id = endpoint.workspace_id
       and workspace.status = 'ACTIVE'
     where endpoint.endpoint_id = any (array(select job.endpoint_id from job))
       and endpoint.workspace_id = kronos.current_workspace_id()
       and endpoint.type <> 'INTERNAL'
), queued as (
    insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                       cause, scheduled_at, run_at, visible_at, max_attempts, max_crashes,
                                       timeout_ms, input, deadline_at, priority, traceparent)
    select given.execution_id, job.workspace_id, job.job_id, job.endpoint_id, endpoint.version, 'MANUAL',
           kronos.now(),
           kronos.now(), kronos.now(), endpoint.max_attempts, endpoint.max_crashes, endpoint.timeout_ms,
           coalesce(given.input, job.input),
           kronos.now() + make_interval(secs => coalesce(given.deadline_seconds, job.deadline_seconds)),
           nullif(coalesce(given.priority, job.priority), 0),
           kronos.traceparent_of(kronos.said_caller(), given.execution_id)
      from given
      join job using (job_id)
      join endpoint using (endpoint_id)
     -- a run with its own input is validated first
     where endpoint.payload_spec_id is null or given.input is null
    returning *
), kept as (
    insert into kronos.idempotency_keys (workspace_id, operation, idempotency_key, request_sha256,
                                         resource_id)
    select kronos.current_workspace_id(), 'trigger', given.idempotency_key, request_sha256, execution_id
      from given join queued using (execution_id)
     where given.idempotency_key is not null
     order by given.idempotency_key
), noted as materialized (select kronos.note_made(array_agg(execution_id)) as executions from queued)
select queued.execution_id, queued.job_id, job.name as job_name, endpoint.slug as workspace,
       endpoint.name as endpoint, endpoint.type as endpoint_type, queued.cause, 'QUEUED' as status,
       null::jsonb as status_reason, queued.scheduled_at, queued.run_at, null::timestamptz as started_at,
       null::timestamptz as completed_at, null::bigint as duration_ms, 0::smallint as attempt_count,
       queued.max_attempts, 1 as tick_count, queued.input, null::jsonb as output, null::jsonb as error,
       null::text as worker_id, queued.created_at, null::jsonb as created_by,
       null::jsonb as caused_by, '[]'::jsonb as callbacks
  from queued join job using (job_id) join endpoint on endpoint.endpoint_id = queued.endpoint_id
 where (select executions from noted) > 0
   and (not %(wake)s or pg_notify('kronos_work', queued.endpoint_id::text) is not null);
