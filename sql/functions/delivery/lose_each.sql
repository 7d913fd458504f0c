-- lose_each: lose_leases for executions that its caller has locked. If one of them fails, the halves are
-- tried separately, and so on, so that it stops neither the others nor the caller's other work; until p_until
-- and in random order, as in expire_each.
-- Returns: one row with the counts.
create or replace function kronos.lose_each(p_execution_ids uuid[], p_until timestamptz default null,
                                            out requeued integer, out failed integer)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_half   constant integer := cardinality(p_execution_ids) / 2;
    v_first  uuid[] := p_execution_ids[:v_half];
    v_second uuid[] := p_execution_ids[v_half + 1:];
    v_until  timestamptz;
    v_part   record;
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
            raise warning 'kronos: the leases of %, including %, cannot end yet: % (%)',
                kronos.counted(cardinality(p_execution_ids), 'execution'), p_execution_ids[1], sqlerrm,
                sqlstate;
            return;
        end if;
    end;
    v_until := coalesce(p_until, kronos.clock() + interval '0.5 seconds');
    if random() < 0.5 then
        v_first  := v_second;
        v_second := p_execution_ids[:v_half];
    end if;
    select * into requeued, failed from kronos.lose_each(v_first, v_until);
    if kronos.clock() < v_until then
        select * into v_part from kronos.lose_each(v_second, v_until);
        requeued := requeued + v_part.requeued;
        failed   := failed + v_part.failed;
    end if;
end
$$;
