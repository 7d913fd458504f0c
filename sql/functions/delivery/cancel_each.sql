-- cancel_each: cancel_executions for a batch that its caller has locked. If an execution fails, the halves of
-- the batch are tried separately, and so on, so that it does not stop the others; until p_until and in random
-- order, as in expire_each. Those that are not reached are left, too.
-- Returns: the number left, and the last error.
create or replace function kronos.cancel_each(p_execution_ids uuid[], p_reason jsonb,
                                              p_until timestamptz default null, out failed integer,
                                              out error jsonb)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_half   constant integer := cardinality(p_execution_ids) / 2;
    v_first  uuid[] := p_execution_ids[:v_half];
    v_second uuid[] := p_execution_ids[v_half + 1:];
    v_until  timestamptz;
    v_part   record;
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
            raise warning 'kronos: %, including %, cannot be cancelled yet: % (%)',
                kronos.counted(failed, 'execution'), p_execution_ids[1], sqlerrm, sqlstate;
            return;
        end if;
    end;
    v_until := coalesce(p_until, kronos.clock() + interval '0.5 seconds');
    if random() < 0.5 then
        v_first  := v_second;
        v_second := p_execution_ids[:v_half];
    end if;
    select * into failed, error from kronos.cancel_each(v_first, p_reason, v_until);
    if kronos.clock() >= v_until then
        failed := failed + cardinality(v_second);
        return;
    end if;
    select * into v_part from kronos.cancel_each(v_second, p_reason, v_until);
    failed := failed + v_part.failed;
    error := coalesce(v_part.error, error);
end
$$;
