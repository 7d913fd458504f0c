-- trigger_job: creates one run of a CRON job now, outside its schedule: the pointer does not move. Under an
-- overlap policy the run must be admitted, with the job's row locked; a run that is not admitted is recorded
-- as SKIPPED. Without a policy the row's lock is shared, so that a job which is being cancelled gets no run.
-- p_priority, p_deadline_seconds: null means the job's own.
-- Returns: the job that was triggered; null if the caller's workspace has no ACTIVE or PAUSED CRON job of
-- that name, or is suspended.
-- Raises: KR016 if the run has its own input, which was not validated against the endpoint's payload spec.
create or replace function kronos.trigger_job(p_job text, p_execution_id uuid, p_input jsonb, p_wake boolean,
                                              p_priority smallint default null,
                                              p_deadline_seconds integer default null)
returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    v_found    uuid;
    v_before   uuid;
    v_job      kronos.jobs;
    v_endpoint record;
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
    select made_of, endpoint.payload_spec_id into v_endpoint
      from kronos.endpoints as endpoint
      join kronos.endpoint_versions as made_of using (endpoint_id, version)
      join kronos.workspaces as workspace on workspace.workspace_id = endpoint.workspace_id
       and workspace.status = 'ACTIVE'
     where endpoint.endpoint_id = v_job.endpoint_id
       and endpoint.type <> 'INTERNAL';
    if not found then
        return null;
    end if;
    if p_input is not null and v_endpoint.payload_spec_id is not null
       and not kronos.is_validated(v_job.endpoint_id, v_endpoint.payload_spec_id) then
        raise sqlstate 'KR016' using
            message = 'the endpoint has a payload spec, against which the input was not validated';
    end if;
    if kronos.make_run(v_job, v_endpoint.made_of, p_execution_id, p_input, p_priority,
                       p_deadline_seconds) <> 'SKIP'
    and p_wake then
        perform pg_notify('kronos_work', v_job.endpoint_id::text);
    end if;
    perform kronos.note_execution(v_job.workspace_id, 'trigger', p_execution_id, v_job.name,
                                  jsonb_build_object('job_id', v_job.job_id, 'priority', p_priority));
    return v_job.job_id;
end
$$;
