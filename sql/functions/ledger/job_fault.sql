-- job_fault: why the ticks of a live CRON job cannot be accounted for: the error that accounting met at the
-- job's pointer (kronos.job_faults), otherwise an obvious fault in its row.
-- Returns: null if there is none, or {sqlstate, message, failed_at}. Row level security applies.
create or replace function kronos.job_fault(p_job kronos.jobs) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_fault jsonb;
begin
    if p_job.trigger <> 'CRON' or p_job.status not in ('ACTIVE', 'PAUSED') then
        return null;
    end if;
    select jsonb_build_object('sqlstate', fault.sqlstate, 'message', fault.message,
                              'failed_at', kronos.iso(fault.failed_at)) into v_fault
      from kronos.job_faults as fault
      left join lateral kronos.pointer_of(fault.job_id) as pointer on true
     where fault.job_id = p_job.job_id
       and fault.next_tick_at is not distinct from pointer.next_tick_at;
    if found then
        return v_fault;
    end if;
    v_fault := to_jsonb(kronos.schedule_fault(p_job.schedule));
    if v_fault is null
       and not exists (select
                         from kronos.endpoints as endpoint
                         join kronos.endpoint_versions as made_of using (endpoint_id, version)
                        where endpoint.endpoint_id = p_job.endpoint_id) then
        v_fault := to_jsonb('the current version of its endpoint does not exist'::text);
    end if;
    return case when v_fault is not null
                then jsonb_build_object('sqlstate', '22023', 'message', v_fault, 'failed_at', null) end;
end
$$;
