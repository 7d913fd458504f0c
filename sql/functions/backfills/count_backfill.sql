-- count_backfill: what of a backfill's room its workspace's executions a day have room for, counted at once;
-- what is then not made is given back: p_room is negative (advance_backfill).
-- Returns: p_room where there is no such quota.
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
