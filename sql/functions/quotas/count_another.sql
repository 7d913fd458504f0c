-- count_another: counts one more execution against its workspace's executions per day, if it has such a
-- quota: in a request of that workspace as count_executions, otherwise without waiting.
-- Returns: whether there was room.
-- Raises: KR040 in a request if there is none; 55P03 if other sessions hold what the day has left.
create or replace function kronos.count_another(p_workspace_id uuid) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_refusal jsonb;
begin
    if current_setting('kronos.quotas', true) = 'on' then
        perform kronos.count_executions(p_workspace_id, 1);
    elsif kronos.has_daily_quota(p_workspace_id) then
        v_refusal := kronos.take_executions(p_workspace_id, 1);
        if v_refusal ? 'is_held' then
            raise exception using errcode = 'lock_not_available',
                                  message = 'other sessions hold the last executions of the workspace''s day';
        end if;
    end if;
    return v_refusal is null;
end
$$;
