-- rolled_far: the rest of rolled_to, from day p_days on, evaluated for all days at once (open_times): if a
-- calendar's hours close a time on every day, there may be 366 days to evaluate.
-- Returns: as rolled_to.
create or replace function kronos.rolled_far(
    p_workspace_id uuid, p_calendars text[], p_schedule kronos.schedule, p_starts_at timestamptz,
    p_ends_at timestamptz, p_local timestamp, p_step integer, p_days integer,
    out at timestamptz, out is_taken boolean
)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_days   constant integer     := 366;
    c_moment constant interval    := interval '1 microsecond';
    v_zone   constant text        := coalesce(p_schedule.timezone, 'UTC');
    v_day    constant timestamp   := date_trunc('day', p_local);
    v_own    constant timestamptz := kronos.local_instant(v_day, v_zone, 'SHIFT');
    v_last   integer := c_days;      -- the last day before one with ticks
    v_half   integer;
    v_other  timestamptz;
    v_open   tstzmultirange;
begin
    if p_step > 0 then
        v_other := kronos.next_tick(p_schedule,
                                    greatest(kronos.local_instant(v_day + interval '1 day', v_zone, 'SHIFT'),
                                             p_starts_at) - c_moment);
        if v_other < coalesce(p_ends_at, 'infinity') then
            v_last := least(c_days, (v_other at time zone v_zone)::date - v_day::date - 1);
        end if;
    else
        for v_bit in reverse 8 .. 0 loop      -- bisect: a tick within reach is also within any longer reach
            v_half := v_last - (1 << v_bit);
            continue when v_half < p_days - 1;
            v_other := kronos.next_tick(p_schedule,
                                        greatest(kronos.local_instant(v_day - (v_half + 1) * interval '1 day',
                                                                      v_zone, 'SHIFT'), p_starts_at)
                                        - c_moment);
            v_last := case when v_other < least(v_own, p_ends_at) then v_half else v_last end;
        end loop;
    end if;
    is_taken := v_last < c_days;
    if v_last < p_days then
        return;
    end if;
    v_open := kronos.open_times(p_workspace_id, p_calendars,
                                v_own + least(p_step * p_days, p_step * v_last) * interval '1 day'
                                      - interval '2 days',
                                v_own + greatest(p_step * p_days, p_step * v_last) * interval '1 day'
                                      + interval '3 days');
    for v_days in p_days .. v_last loop
        at := kronos.local_instant(p_local + v_days * p_step * interval '1 day', v_zone,
                                   coalesce(p_schedule.dst_gap, 'SHIFT'));
        if at <@ v_open then
            is_taken := false;
            return;
        end if;
    end loop;
    at := null;
end
$$;
