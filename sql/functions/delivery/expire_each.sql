-- expire_each: expire_executions for executions that its caller has locked. If one of them fails, the halves
-- are tried separately, and so on, so that it stops neither the others nor the caller's other work. From half
-- a second after the first failure on (p_until) no other half is tried: the caller comes back, and the time
-- limit of its statement would undo everything. Which half is tried first is left to chance, so that those
-- that cannot end never keep the same others from their turn.
-- Returns: the number ended.
create or replace function kronos.expire_each(p_execution_ids uuid[], p_until timestamptz default null)
returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_half   constant integer := cardinality(p_execution_ids) / 2;
    v_first  uuid[] := p_execution_ids[:v_half];
    v_second uuid[] := p_execution_ids[v_half + 1:];
    v_until  timestamptz;
    v_ended  integer;
begin
    if p_execution_ids = '{}' then
        return 0;
    end if;
    begin
        return kronos.expire_executions(p_execution_ids);
    exception when others then
        if v_half = 0 or kronos.is_shortage(sqlstate) then
            raise warning 'kronos: %, including %, cannot expire yet: % (%)',
                kronos.counted(cardinality(p_execution_ids), 'execution'), p_execution_ids[1], sqlerrm,
                sqlstate;
            return 0;
        end if;
    end;
    v_until := coalesce(p_until, kronos.clock() + interval '0.5 seconds');
    if random() < 0.5 then
        v_first  := v_second;
        v_second := p_execution_ids[:v_half];
    end if;
    v_ended := kronos.expire_each(v_first, v_until);
    if kronos.clock() < v_until then
        v_ended := v_ended + kronos.expire_each(v_second, v_until);
    end if;
    return v_ended;
end
$$;
