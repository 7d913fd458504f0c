-- after_executions: the phase that follows once a deletion has gone through the executions of all endpoints:
-- HISTORY if nothing is under way or waiting any more and every endpoint is deleted; otherwise EXECUTIONS
-- again, a quarter of a second later.
create or replace function kronos.after_executions(p_deletion kronos.deletions, p_running integer)
returns kronos.deletions
language plpgsql volatile set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
begin
    if p_running = 0
    and not exists (select from kronos.endpoints as endpoint
                     where endpoint.workspace_id = p_deletion.deleted_id and endpoint.deleted_at is null)
    and not exists (select from kronos.endpoints as endpoint
                      join kronos.execution_live as live using (endpoint_id)
                     where endpoint.workspace_id = p_deletion.deleted_id and live.claim_token is null) then
        return kronos.next_phase(p_deletion, 'HISTORY');
    end if;
    p_deletion.next_at := kronos.clock() + interval '0.25 seconds';
    return kronos.next_phase(p_deletion, 'EXECUTIONS');
end
$$;
