-- retry_execution: makes a failed or cancelled execution due again, under its own id, so that its receiver sees the same idempotency key; its attempts
-- go on counting. Of a job whose runs must not overlap now, it is held back, and goes at once where no other is there (release_next).
-- It is taken from the one partition that its id names (see finished_among). Attempts are counted in a smallint: one that has used it up stays.
-- Called by: queries/executions.sql (retry_execution).   As the caller: row level security holds.
-- Returns: its id; null where it did not fail, is not there, or its job was cancelled.
create or replace function kronos.retry_execution(p_execution_id uuid) returns uuid
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    c_most_attempts constant integer := 32767;
    v_failed        kronos.execution_done;
    v_overlap_key   uuid;
begin
    delete from kronos.execution_done as done
     using kronos.jobs as job
     where done.execution_id = p_execution_id
       and done.workspace_id = kronos.current_workspace_id()
       and done.status in ('FAILED', 'CANCELLED')
       and done.attempt_count < c_most_attempts
       and exists (select
                     from kronos.endpoint_versions as made_of
                    where made_of.endpoint_id = done.endpoint_id and made_of.version = done.endpoint_version)
       and job.job_id = done.job_id
       and job.status_reason ->> 'code' is distinct from 'cancelled'
    returning done.* into v_failed;
    if not found then
        return null;
    end if;
    update kronos.jobs
       set status = 'ACTIVE', runs = 0
     where job_id = v_failed.job_id
       and trigger <> 'CRON'
       and status = 'COMPLETED';
    select newest.first_version_id into v_overlap_key
      from kronos.jobs as job
     cross join lateral (select version.first_version_id, version.overlap
                           from kronos.jobs as version
                          where version.first_version_id = job.first_version_id
                          order by version.version desc
                          limit 1) as newest
     where job.job_id = v_failed.job_id
       and newest.overlap <> 'ALLOW';
    insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, scheduled_at, run_at, created_at,
                                       visible_at, attempt_count, max_attempts, max_crashes, timeout_ms, started_at, input, error, overlap_key, backfill_id)
    select v_failed.execution_id, v_failed.workspace_id, v_failed.job_id, v_failed.endpoint_id, v_failed.endpoint_version, v_failed.cause,
           v_failed.scheduled_at, v_failed.run_at, v_failed.created_at, case when v_overlap_key is null then now() else 'infinity' end,
           v_failed.attempt_count, least(v_failed.attempt_count::integer + made_of.max_attempts, c_most_attempts), made_of.max_crashes, made_of.timeout_ms,
           v_failed.started_at, v_failed.input, v_failed.error, v_overlap_key, v_failed.backfill_id
      from kronos.endpoint_versions as made_of
     where made_of.endpoint_id = v_failed.endpoint_id
       and made_of.version = v_failed.endpoint_version;
    perform pg_notify('kronos_work', '');
    return v_failed.execution_id;
end
$$;
