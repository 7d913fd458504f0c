-- run_chained_delivery: creates the delivery of a callback whose endpoint's row was locked by another session
-- when the run ended.
-- Returns: whether it is done; false if a session still has the row locked.
create or replace function kronos.run_chained_delivery(p_due kronos.callbacks) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    if kronos.queue_callbacks(array[p_due.execution_id], array[p_due.workspace_id],
                              array[p_due.endpoint_id], array[p_due.input]) = '{}' then
        return false;
    end if;
    perform pg_notify('kronos_work', p_due.endpoint_id::text);
    return true;
end
$$;
