-- expire_each: expire_executions for executions that its caller has locked. If one of them fails, the halves
-- are tried separately, and so on, so that it stops neither the others nor the caller's other work.
-- Returns: the number ended.
create or replace function kronos.expire_each(p_execution_ids uuid[]) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_half constant integer := cardinality(p_execution_ids) / 2;
begin
    if p_execution_ids = '{}' then
        return 0;
    end if;
    begin
        return kronos.expire_executions(p_execution_ids);
    exception when others then
        if v_half = 0 or kronos.is_shortage(sqlstate) then
            raise warning 'kronos: % executions, including %, cannot expire yet: % (%)',
                cardinality(p_execution_ids), p_execution_ids[1], sqlerrm, sqlstate;
            return 0;
        end if;
    end;
    return kronos.expire_each(p_execution_ids[:v_half]) + kronos.expire_each(p_execution_ids[v_half + 1:]);
end
$$;
