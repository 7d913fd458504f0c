-- lose_each: lose_leases for executions that its caller has locked. If one of them fails, the halves are
-- tried separately, and so on, so that it stops neither the others nor the caller's other work.
-- Returns: one row with the counts.
create or replace function kronos.lose_each(p_execution_ids uuid[], out requeued integer, out failed integer)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_half constant integer := cardinality(p_execution_ids) / 2;
begin
    requeued := 0;
    failed   := 0;
    if p_execution_ids = '{}' then
        return;
    end if;
    begin
        select lost.requeued, lost.failed into requeued, failed
          from kronos.lose_leases(p_execution_ids) as lost;
        return;
    exception when others then
        if v_half = 0 or kronos.is_shortage(sqlstate) then
            raise warning 'kronos: % executions, including %, cannot lose their leases yet: % (%)',
                cardinality(p_execution_ids), p_execution_ids[1], sqlerrm, sqlstate;
            return;
        end if;
    end;
    select sum(part.requeued), sum(part.failed) into requeued, failed
      from (select * from kronos.lose_each(p_execution_ids[:v_half])
             union all
            select * from kronos.lose_each(p_execution_ids[v_half + 1:])) as part;
end
$$;
