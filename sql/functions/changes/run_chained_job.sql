-- run_chained_job: creates a run that a callback has made due, of the job as it is now. It is recorded as
-- SKIPPED, with the reason, if the job has ended or is paused, the chain is too long, or the workspace's
-- executions per day are used up. In a suspended workspace the run waits like any other.
-- Returns: whether it is done; false if another session has locked the job, or the last executions of the
-- workspace's day, at this moment.
create or replace function kronos.run_chained_job(p_due kronos.callbacks) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    v_newest  kronos.jobs;
    v_made_of kronos.endpoint_versions;
    v_reason  jsonb;
begin
    select * into v_newest
      from kronos.jobs
     where first_version_id = p_due.first_version_id
     order by version desc
     limit 1;
    if not found then
        raise warning 'kronos: chained run % was not created: its job % no longer exists',
                      p_due.execution_id, p_due.first_version_id;
        return true;
    end if;
    if v_newest.overlap = 'ALLOW' then
        perform from kronos.jobs where job_id = v_newest.job_id and status = v_newest.status
            for share skip locked;
    else
        perform from kronos.jobs where job_id = v_newest.job_id and status = v_newest.status
            for update skip locked;
    end if;
    if not found then
        return false;
    end if;
    select made_of.* into strict v_made_of
      from kronos.endpoints as endpoint
      join kronos.endpoint_versions as made_of using (endpoint_id, version)
     where endpoint.endpoint_id = v_newest.endpoint_id;
    v_reason := case
        when p_due.depth >= kronos.most_jobs_of_a_chain()
            then jsonb_build_object('code', 'chain_too_long', 'detail',
                                    format('%s runs came before it in its chain', p_due.depth))
        when v_newest.status = 'PAUSED'
            then jsonb_build_object('code', 'job_paused', 'detail', 'the job is paused')
        when v_newest.status <> 'ACTIVE'
            then jsonb_build_object('code', 'job_over', 'detail',
                                    format('the job is %s: %s', v_newest.status,
                                           coalesce(v_newest.status_reason ->> 'detail', 'it has ended')))
    end;
    if v_reason is null and kronos.has_daily_quota(v_newest.workspace_id) then
        v_reason := kronos.take_executions(v_newest.workspace_id, 1);
        if v_reason ? 'is_held' then
            return false;
        end if;
        v_reason := kronos.quota_reason(v_reason);
    end if;
    if v_reason is null then
        perform kronos.make_run(v_newest, v_made_of, p_due.execution_id, p_due.input);
        perform pg_notify('kronos_work', v_newest.endpoint_id::text);
        return true;
    end if;
    insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                       cause, status, status_reason, scheduled_at, run_at, created_at,
                                       completed_at, max_attempts, input)
    values (p_due.execution_id, v_newest.workspace_id, v_newest.job_id, v_newest.endpoint_id,
            v_made_of.version, 'MANUAL', 'SKIPPED', v_reason, kronos.now(), kronos.now(), kronos.now(),
            kronos.now(), v_made_of.max_attempts, coalesce(p_due.input, v_newest.input));
    return true;
end
$$;
