-- count_executions: take_executions, for whom an exception undoes what it was asked for. Where others hold
-- what the day has left, they are waited for: what is left is known exactly then. Shards are waited for in
-- their order: of two transactions that hold one each, and come for the other's, one waits in the order. The
-- other, for those below the highest that it holds, gives way within half a second, before PostgreSQL finds
-- a deadlock after a second; where nobody waits for it, it waits as long as it takes (await_shards).
-- Raises: KR040 where it fits later, KR041 where it never does; the detail has the numbers, as JSON. 40P01
-- where it gives way.
create or replace function kronos.count_executions(p_workspace_id uuid, p_number bigint) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_refusal jsonb := kronos.take_executions(p_workspace_id, p_number);
begin
    if v_refusal ? 'is_held' then
        perform kronos.await_shards(p_workspace_id);
        v_refusal := kronos.take_executions(p_workspace_id, p_number);
    end if;
    if v_refusal is not null then
        raise exception using
            errcode = case when p_number > (v_refusal ->> 'limit')::bigint then 'KR041' else 'KR040' end,
            message = kronos.refusal_text(v_refusal), detail = v_refusal::text,
            hint = 'ask the instance''s administrator for a higher quota, or wait for the next day';
    end if;
end
$$;
