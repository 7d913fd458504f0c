-- retry_execution: makes an execution of the transaction's workspace due again (take_up_again). Recorded in
-- the audit.
-- Returns: null if it is due; otherwise why not (take_up_again).
-- Raises: KR012 if its endpoint was deleted (require_live_endpoint).
create or replace function kronos.retry_execution(p_execution_id uuid,
                                                  p_endpoint_version text default 'latest')
returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_refusal constant text := kronos.take_up_again(kronos.current_workspace_id(), p_execution_id,
                                                    p_endpoint_version);
begin
    if v_refusal is null then
        perform kronos.note_execution(live.workspace_id, 'retry', live.execution_id, job.name,
                                      jsonb_build_object('job_id', live.job_id,
                                                         'endpoint_version', p_endpoint_version))
           from kronos.execution_live as live
           left join kronos.jobs as job on job.job_id = live.job_id
          where live.execution_id = p_execution_id;
    end if;
    return v_refusal;
end
$$;
