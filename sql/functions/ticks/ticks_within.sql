-- ticks_within: the first p_limit ticks of a schedule in [p_from, p_to).
-- Returns: ascending; none if there is no schedule.
create or replace function kronos.ticks_within(p_schedule kronos.schedule, p_from timestamptz,
                                               p_to timestamptz, p_limit integer)
returns setof timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_tick timestamptz := kronos.next_tick(p_schedule, p_from - interval '1 microsecond');
    v_left integer     := p_limit;
begin
    while v_tick < p_to and v_left > 0 loop
        return next v_tick;
        v_tick := kronos.next_tick(p_schedule, v_tick);
        v_left := v_left - 1;
    end loop;
end
$$;
