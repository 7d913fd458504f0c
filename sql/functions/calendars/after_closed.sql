-- after_closed: the next tick to examine after one that calendars close until p_until and that does not run;
-- the ticks in between do not run either. A tick that runs in place of one of them runs outside the closure,
-- and a day in between that has ticks takes that day (rolled_to). So of all days within the closure, only the
-- last with ticks may move forward (NEXT), and only the first may move back (PREVIOUS); a day whose neighbor
-- in that direction has ticks does not move.
-- Returns: null if there is no tick.
-- Without this, a job that runs every minute would have each minute of a weekend examined.
create or replace function kronos.after_closed(
    p_schedule kronos.schedule, p_on_blackout text, p_starts_at timestamptz, p_ends_at timestamptz,
    p_tick timestamptz, p_until timestamptz
) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_moment constant interval := interval '1 microsecond';
    v_zone   constant text := coalesce(p_schedule.timezone, 'UTC');
    v_day    constant timestamp := date_trunc('day', p_tick at time zone v_zone);
    v_begins constant timestamptz := kronos.local_instant(v_day, v_zone, 'SHIFT');
    v_ends   constant timestamptz := kronos.local_instant(v_day + interval '1 day', v_zone, 'SHIFT');
    v_other  timestamptz;      -- a tick of the neighboring day
begin
    if p_on_blackout = 'NEXT' then
        v_other := kronos.next_tick(p_schedule, v_ends - c_moment);
        return greatest(kronos.next_tick(p_schedule,
                                         case when v_other < coalesce(p_ends_at, 'infinity')
                                               and v_other at time zone v_zone < v_day + interval '2 days'
                                              then greatest(p_tick, least(p_until, v_ends) - c_moment)
                                              else p_tick end),
                        kronos.first_waiting(p_schedule, p_on_blackout, p_until - c_moment));
    elsif p_on_blackout = 'PREVIOUS' then
        v_other := kronos.next_tick(p_schedule, p_tick);
        if v_other < v_ends
        and coalesce(kronos.next_tick(p_schedule,
                                      greatest(kronos.local_instant(v_day - interval '1 day', v_zone,
                                                                    'SHIFT'), p_starts_at) - c_moment)
                     >= v_begins, true) then
            return v_other;
        end if;
    end if;
    return kronos.next_tick(p_schedule, greatest(p_tick, p_until - c_moment));
end
$$;
