-- count_executions: take_executions for callers that an exception undoes. If other sessions hold what the day
-- has left, it waits for them, because only then is the remainder known exactly. It waits for shards in their
-- order. If two transactions hold one shard each and want the other's, one of them waits in order. The other
-- one, which waits for shards below the highest that it holds, gives way within half a second, before
-- PostgreSQL finds a deadlock after a second. If no session waits for it, it waits without limit
-- (await_shards).
-- Raises: KR040 if the number fits later, KR041 if it never does; the detail has the numbers, as JSON. 40P01
-- if it gives way.
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
            hint = 'Ask the instance''s administrator for a higher quota, or wait for the next day.';
    end if;
end
$$;
