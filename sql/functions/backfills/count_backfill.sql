-- count_backfill: reduces a backfill's room to what the workspace's executions per day leave, and counts it
-- immediately. Room that is then not used is given back with a negative p_room (advance_backfill).
-- Returns: p_room if there is no such quota.
create or replace function kronos.count_backfill(p_workspace_id uuid, p_room integer) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_room integer := p_room;
begin
    if p_room <> 0 and kronos.has_daily_quota(p_workspace_id) then
        v_room := least(p_room, kronos.executions_left(p_workspace_id));
        if kronos.take_executions(p_workspace_id, v_room) is not null then
            v_room := 0;
        end if;
    end if;
    return v_room;
end
$$;
