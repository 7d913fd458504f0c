-- resolve_callback: checks a callback as its user wrote it, and adds the id of its target: endpoint_id, or
-- first_version_id of the CRON job. The endpoint's row is locked, shared, like that of a job's own endpoint.
-- Returns: null for null.
-- Raises: KR034; its column is the field.
create or replace function kronos.resolve_callback(p_job kronos.jobs, p_event text, p_given jsonb)
returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_fault record;
    v_id    uuid;
begin
    if p_given is null then
        return null;
    end if;
    select * into v_fault from kronos.callback_fault(p_event, p_given);
    if v_fault.fault is not null then
        raise sqlstate 'KR034' using column = v_fault.field, message = v_fault.fault, hint = v_fault.hint;
    end if;
    if p_given ? 'endpoint' then
        select endpoint_id into v_id
          from kronos.endpoints
         where workspace_id = p_job.workspace_id
           and name = p_given ->> 'endpoint'
           and type <> 'INTERNAL'
           and deleted_at is null
           for key share;
    else
        select first_version_id into v_id
          from kronos.jobs
         where workspace_id = p_job.workspace_id
           and trigger = 'CRON'
           and status in ('ACTIVE', 'PAUSED')
           and name = p_given ->> 'job';
    end if;
    if v_id is null and (p_given ? 'endpoint' or p_given ->> 'job' is distinct from p_job.name) then
        select * into v_fault from kronos.callback_absence(p_job.workspace_id, p_event, p_given);
        raise sqlstate 'KR034' using column = v_fault.field, message = v_fault.fault, hint = v_fault.hint;
    end if;
    if p_given ? 'endpoint' then
        return p_given || jsonb_build_object('endpoint_id', v_id);
    end if;
    perform kronos.refuse_cycle(p_job, p_event, coalesce(v_id, p_job.first_version_id));
    return p_given || jsonb_build_object('first_version_id', v_id);
end
$$;
