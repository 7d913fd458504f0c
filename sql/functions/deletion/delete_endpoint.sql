-- delete_endpoint: deletes an endpoint of the transaction's workspace that nothing uses. Its history keeps
-- its name. Uses are searched for twice: before its row is locked, so that an endpoint in use is not waited
-- for, and after, when every session that was about to use it has committed or will find it deleted
-- (require_live_endpoint). Locks only the endpoint's row, and waits for no other lock while it holds that.
-- Returns: whether it was deleted; false: a live job, as its endpoint or in a callback, an unfinished
-- execution or an alert rule uses it; null: no such endpoint.
create or replace function kronos.delete_endpoint(p_name text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_endpoint_id uuid;
begin
    select endpoint_id into v_endpoint_id
      from kronos.endpoints
     where workspace_id = kronos.current_workspace_id()
       and name = p_name
       and type <> 'INTERNAL'
       and deleted_at is null;
    if not found then
        return null;
    end if;
    for v_look in 1 .. 2 loop
        if exists (select from kronos.jobs
                    where endpoint_id = v_endpoint_id and status in ('ACTIVE', 'PAUSED'))
           or exists (select from kronos.execution_live where endpoint_id = v_endpoint_id)
           or kronos.callers_named(v_endpoint_id, null) is not null
           or kronos.rules_telling(v_endpoint_id) is not null then
            return false;
        end if;
        if v_look = 1 then
            perform from kronos.endpoints where endpoint_id = v_endpoint_id and deleted_at is null for update;
            if not found then
                return null;      -- another session has deleted it meanwhile
            end if;
        end if;
    end loop;
    update kronos.endpoints set deleted_at = kronos.now() where endpoint_id = v_endpoint_id;
    return true;
end
$$;
