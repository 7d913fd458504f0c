-- end_claimed: gives the executions of a deleted workspace that workers are delivering no other attempt;
-- their workers end the deliveries when they are notified (ask_for_aborts). Locks the executions, ids
-- ascending.
-- Returns: the number still under way.
create or replace function kronos.end_claimed(p_workspace_id uuid) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
declare
    v_ids     uuid[];
    v_running uuid[];
begin
    -- reads the index of leases: as many rows as all workers have under way
    select coalesce(array_agg(live.execution_id order by live.execution_id), '{}'),
           array_agg(live.execution_id order by live.execution_id) filter (where live.cancel_reason is null)
      into v_running, v_ids
      from kronos.execution_live as live
     where live.claim_token is not null and live.workspace_id = p_workspace_id;
    if v_ids is not null then
        perform kronos.cancel_executions(v_ids, jsonb_build_object('code', 'workspace_deleted',
                                                                   'detail', 'its workspace was deleted'));
    end if;
    return cardinality(v_running);
end
$$;
