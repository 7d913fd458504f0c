-- make_one_shot_jobs: creates IMMEDIATE and DELAYED jobs of the transaction's workspace that need a row of
-- their own (for a name, title, tag, key, callback or deadline), and their executions, as the statement
-- insert_one_shot_jobs does. p_jobs: an array of objects with job_id, endpoint, input, run_at, name, title,
-- tags, idempotency_key, request_sha256, on_success, on_failure, deadline_seconds and priority; no two may
-- have the same key or name. Locks their endpoints' rows, shared.
-- Runs as the caller: row level security applies.
-- Returns: how many exist now, including those that their keys created earlier. 0: no such endpoint.
-- Raises: 23505 if a name is taken.
create or replace function kronos.make_one_shot_jobs(p_jobs jsonb) returns bigint
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_created_by constant jsonb := kronos.creator_of(kronos.said_caller());
    v_made       bigint;
begin
    with given as materialized (
        select *
          from jsonb_to_recordset(p_jobs)
            as given (job_id uuid, endpoint text, input jsonb, run_at timestamptz, name text, title text,
                      tags text[], idempotency_key text, request_sha256 bytea, on_success jsonb,
                      on_failure jsonb, deadline_seconds integer, priority smallint)
    ), endpoint as materialized (
        select found.endpoint_id, found.workspace_id, found.name, found.version, made_of.max_attempts,
               made_of.max_crashes, made_of.timeout_ms
          from kronos.endpoints as found
          join kronos.endpoint_versions as made_of using (endpoint_id, version)
         where found.workspace_id = kronos.current_workspace_id()
           and found.name in (select given.endpoint from given)
           and found.deleted_at is null
    ), job as (
        insert into kronos.jobs (job_id, first_version_id, workspace_id, name, title, endpoint_id, trigger,
                                 input, tags, run_at, idempotency_key, request_sha256, on_success,
                                 on_failure, deadline_seconds, priority)
        select given.job_id, given.job_id, endpoint.workspace_id, given.name, given.title,
               endpoint.endpoint_id, case when given.run_at is null then 'IMMEDIATE' else 'DELAYED' end,
               given.input, coalesce(given.tags, '{}'), given.run_at, given.idempotency_key,
               given.request_sha256, given.on_success, given.on_failure,
               given.deadline_seconds, coalesce(given.priority, 0)
          from given
          join endpoint on endpoint.name = given.endpoint
         order by given.name, given.idempotency_key
            on conflict (workspace_id, idempotency_key) where idempotency_key is not null
                        do update set idempotency_key = excluded.idempotency_key
        returning *
    ), queued as (
        insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id,
                                           endpoint_version, cause, scheduled_at, run_at, visible_at,
                                           max_attempts, max_crashes, timeout_ms, input, deadline_at,
                                           priority, created_by)
        select kronos.tick_id(job.job_id, job.created_at), job.workspace_id, job.job_id,
               endpoint.endpoint_id, endpoint.version, 'API', coalesce(job.run_at, kronos.now()),
               coalesce(job.run_at, kronos.now()), greatest(job.run_at, kronos.now()),
               endpoint.max_attempts, endpoint.max_crashes, endpoint.timeout_ms, job.input,
               coalesce(job.run_at, kronos.now()) + make_interval(secs => job.deadline_seconds),
               nullif(job.priority, 0), v_created_by
          from job
          join endpoint using (endpoint_id)
         where job.job_id in (select given.job_id from given)
    )
    select count(*) into v_made from job;
    return v_made;
end
$$;
