-- trigger_job: one run of a CRON job now, beside its schedule: the pointer does not move. Under an overlap
-- policy it asks to be let in, with the job's row locked; one that is not let in is there too, as SKIPPED.
-- Without one it shares the row's lock, so that a job which is being cancelled gets no run. p_priority: null
-- is the job's.
-- Returns: the job that was triggered; null where none of that name in the caller's workspace is a CRON job
-- that is ACTIVE or PAUSED, or the workspace is suspended.
-- Raises: KR016 where it has an input of its own that was not validated against the endpoint's payload spec.
create or replace function kronos.trigger_job(p_job text, p_execution_id uuid, p_input jsonb, p_wake boolean,
                                              p_priority smallint default null)
returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    v_found    uuid;
    v_before   uuid;
    v_job      kronos.jobs;
    v_made_of  record;
    v_verdict  text;
    v_reason   jsonb;
begin
    loop      -- a name may go to a newer version while we wait for the older one's lock
        v_before := v_found;
        v_found := kronos.find_job(p_job);
        if v_found is not distinct from v_before then
            return null;
        end if;
        if exists (select from kronos.jobs where job_id = v_found and overlap = 'ALLOW') then
            select * into v_job from kronos.jobs
             where job_id = v_found
               and workspace_id = kronos.current_workspace_id()
               and trigger = 'CRON'
               and status in ('ACTIVE', 'PAUSED')
               for share;
        else
            select * into v_job from kronos.jobs
             where job_id = v_found
               and workspace_id = kronos.current_workspace_id()
               and trigger = 'CRON'
               and status in ('ACTIVE', 'PAUSED')
               for update;
        end if;
        exit when found;
    end loop;
    select made_of.version, made_of.max_attempts, made_of.max_crashes, made_of.timeout_ms,
           endpoint.payload_spec_id into v_made_of
      from kronos.endpoints as endpoint
      join kronos.endpoint_versions as made_of using (endpoint_id, version)
      join kronos.workspaces as workspace on workspace.workspace_id = endpoint.workspace_id
       and workspace.status = 'ACTIVE'
     where endpoint.endpoint_id = v_job.endpoint_id
       and endpoint.type <> 'INTERNAL';
    if not found then
        return null;
    end if;
    if p_input is not null and v_made_of.payload_spec_id is not null
       and not kronos.is_validated(v_job.endpoint_id, v_made_of.payload_spec_id) then
        raise sqlstate 'KR016' using
            message = 'the endpoint names a payload spec, against which the input was not validated';
    end if;
    select admitted.verdict, admitted.reason into v_verdict, v_reason
      from kronos.admit_run(v_job, kronos.clock()) as admitted;
    if v_verdict = 'SKIP' then
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                           cause, status, status_reason, scheduled_at, run_at, created_at,
                                           max_attempts, input)
        values (p_execution_id, v_job.workspace_id, v_job.job_id, v_job.endpoint_id, v_made_of.version,
                'MANUAL', 'SKIPPED', v_reason, kronos.now(),
                kronos.now(), kronos.now(), v_made_of.max_attempts, coalesce(p_input, v_job.input));
        return v_job.job_id;
    end if;
    insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                       cause, scheduled_at, run_at, visible_at, max_attempts, max_crashes,
                                       timeout_ms, input, overlap_key, priority)
    values (p_execution_id, v_job.workspace_id, v_job.job_id, v_job.endpoint_id, v_made_of.version, 'MANUAL',
            kronos.now(), kronos.now(),
            case when v_verdict = 'HOLD' then 'infinity' else kronos.now() end, v_made_of.max_attempts,
            v_made_of.max_crashes, v_made_of.timeout_ms,
            coalesce(p_input, v_job.input),
            case when v_job.overlap <> 'ALLOW' then v_job.first_version_id end,
            nullif(coalesce(p_priority, v_job.priority), 0));
    if p_wake then
        perform pg_notify('kronos_work', v_job.endpoint_id::text);
    end if;
    return v_job.job_id;
end
$$;
