-- next_ticks: the next p_count ticks of a schedule, strictly later than p_after.
-- Returns: up to p_count rows, ascending; fewer if the schedule ends.
create or replace function kronos.next_ticks(p_schedule kronos.schedule, p_after timestamptz, p_count integer)
returns setof timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_tick timestamptz := p_after;
begin
    for i in 1 .. p_count loop
        v_tick := kronos.next_tick(p_schedule, v_tick);
        exit when v_tick is null;
        return next v_tick;
    end loop;
end
$$;
