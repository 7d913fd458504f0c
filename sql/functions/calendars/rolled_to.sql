-- rolled_to: the day to which a closed tick moves: the nearest day after (p_step 1) or before (-1) its own,
-- within a year, on which the same local time is open in all calendars. A day with ticks on the way ends the
-- search, because the nearer tick takes that day.
-- So schedules that tick every day cost one step. Days within a long closure are passed over, except one at
-- either end, where clocks may change. After six steps the remaining days are evaluated together
-- (rolled_far).
-- Returns: at: null if there is none; a local time that does not exist on that day is resolved by dst_gap,
-- with SKIP as SHIFT. is_taken: a day on the way has ticks.
create or replace function kronos.rolled_to(
    p_workspace_id uuid, p_calendars text[], p_schedule kronos.schedule, p_starts_at timestamptz,
    p_ends_at timestamptz, p_local timestamp, p_step integer, out at timestamptz, out is_taken boolean
)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_days  constant integer     := 366;
    v_zone  constant text        := coalesce(p_schedule.timezone, 'UTC');
    v_day   constant timestamp   := date_trunc('day', p_local);
    v_own   constant timestamptz := kronos.local_instant(v_day, v_zone, 'SHIFT');      -- the start of its day
    v_from  timestamptz := kronos.local_instant(v_day + interval '1 day', v_zone, 'SHIFT');
    v_other timestamptz;      -- a tick of another day
    v_days  integer     := 1;
    v_looks integer     := 0;
    v_shut  record;
begin
    while v_days <= c_days loop
        v_looks := v_looks + 1;
        if v_looks > 6 then
            select far.at, far.is_taken into at, is_taken
              from kronos.rolled_far(p_workspace_id, p_calendars, p_schedule, p_starts_at, p_ends_at, p_local,
                                     p_step, v_days) as far;
            return;
        end if;
        if p_step < 0 then
            v_from := kronos.local_instant(v_day - v_days * interval '1 day', v_zone, 'SHIFT');
        end if;
        if v_other is null or p_step < 0 then
            v_other := coalesce(kronos.next_tick(p_schedule, greatest(v_from, p_starts_at)
                                                             - interval '1 microsecond'), 'infinity');
        end if;
        is_taken := v_other < coalesce(p_ends_at, 'infinity')
                    and case when p_step > 0
                             then v_other at time zone v_zone < v_day + (v_days + 1) * interval '1 day'
                             else v_other < v_own end;
        exit when is_taken;
        at := kronos.local_instant(p_local + v_days * p_step * interval '1 day', v_zone,
                                   coalesce(p_schedule.dst_gap, 'SHIFT'));
        v_shut := kronos.closed_by(p_workspace_id, p_calendars, at);
        exit when v_shut.calendar is null;
        at := null;
        exit when v_days = c_days;
        v_days := least(c_days,
                        greatest(v_days + 1,
                                 floor(abs(extract(epoch from
                                     case when p_step > 0 then v_shut.until else v_shut.since end
                                         at time zone v_zone - p_local)) / 86400)::integer - 1));
    end loop;
end
$$;
