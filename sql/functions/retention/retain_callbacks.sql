-- retain_callbacks: delete up to p_limit links of callbacks whose executions went with a partition; other
-- links go with their rows (sweep_executions). It waits for no session.
-- Returns: how many.
create or replace function kronos.retain_callbacks(p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_recent constant date := date_trunc('week', kronos.now() at time zone 'UTC')::date - 21;
    v_day    constant date := least(kronos.oldest_day(), v_recent);
    v_gone   bigint;
begin
    delete from kronos.callbacks
     where execution_id = any (array(select made.execution_id
                                       from kronos.callbacks as made
                                      where made.execution_id
                                            < kronos.uuid7_floor(v_day::timestamp at time zone 'UTC')
                                        and made.due_at is null
                                      order by made.execution_id
                                      limit p_limit
                                        for update skip locked));
    get diagnostics v_gone = row_count;
    return v_gone;
end
$$;
