-- grant_enqueue: grants a role of kronos.sql_grants its privileges.
create or replace function kronos.grant_enqueue(p_role text) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('grant usage on schema kronos to %I', p_role);
    execute format('grant execute on function '
                   'kronos.enqueue(text, jsonb, timestamptz, text, text, text[], text, jsonb, jsonb,'
                   ' integer, integer), '
                   'kronos.enqueue_many(jsonb) to %I', p_role);
end
$$;
