-- cancel_each: cancel_executions for a batch that its caller has locked. If an execution fails, the halves of
-- the batch are tried separately, and so on, so that it does not stop the others.
-- Returns: the number left, and the last error.
create or replace function kronos.cancel_each(p_execution_ids uuid[], p_reason jsonb, out failed integer,
                                              out error jsonb)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_half constant integer := cardinality(p_execution_ids) / 2;
    v_first  record;
    v_second record;
begin
    failed := 0;
    begin
        perform kronos.cancel_held(p_execution_ids);
        perform kronos.cancel_executions(p_execution_ids, p_reason);
        return;
    exception when others then
        if v_half = 0 or kronos.is_shortage(sqlstate) then
            failed := cardinality(p_execution_ids);
            error := jsonb_build_object('at', kronos.iso(kronos.clock()), 'type', sqlstate,
                                        'message', sqlerrm);
            raise warning 'kronos: % executions, including %, cannot be cancelled yet: % (%)', failed,
                p_execution_ids[1], sqlerrm, sqlstate;
            return;
        end if;
    end;
    select * into v_first from kronos.cancel_each(p_execution_ids[:v_half], p_reason);
    select * into v_second from kronos.cancel_each(p_execution_ids[v_half + 1:], p_reason);
    failed := v_first.failed + v_second.failed;
    error := coalesce(v_second.error, v_first.error);
end
$$;
