-- count_ticks: how many ticks a schedule has from p_first, which is a tick, up to and including p_upto; also
-- the last of them, and the first one after p_upto. A week of every minute has 10,080 ticks, and a thousand
-- jobs may need a count at the same time, so ticks are counted by the day. On a day without a clock change
-- one tick stands for all of the day's hours and minutes, and next_tick finds the next day. Near a clock
-- change ticks are counted one by one.
-- Returns: one row; 0, null, p_first if p_first is null or later than p_upto.
-- Raises: 22xxx if the schedule is malformed.
create or replace function kronos.count_ticks(p_schedule kronos.schedule, p_first timestamptz,
                                              p_upto timestamptz, out ticks bigint, out last_tick timestamptz,
                                              out following_tick timestamptz)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    -- More than clocks are ever put back by, because a local day may begin twice. If gaps move ticks by their
    -- length, also at least as long as a gap.
    c_margin    constant interval := case when p_schedule.dst_gap = 'SHIFT_BY_GAP' then interval '24 hours'
                                          else interval '3 hours' end;
    v_zone      text   := p_schedule.timezone;
    -- readings of the zone's clocks: this and the following three
    v_tick      timestamp;
    v_upto      timestamp;
    v_day       timestamp;
    v_day_after timestamp;
    v_from_at   timestamptz;
    v_until_at  timestamptz;
begin
    if p_first = '-infinity' then      -- a pointer that was set by hand
        raise exception 'no tick is at -infinity' using errcode = 'datetime_field_overflow';
    end if;
    ticks := 0;
    following_tick := p_first;
    if p_schedule.every_seconds is not null and p_first <= p_upto then
        ticks := floor(extract(epoch from p_upto - p_first) / p_schedule.every_seconds) + 1;
        last_tick := p_first + (ticks - 1) * make_interval(secs => p_schedule.every_seconds);
        following_tick := kronos.next_tick(p_schedule, last_tick);
        return;
    end if;
    while following_tick <= p_upto loop
        v_tick := following_tick at time zone v_zone;
        v_day := date_trunc('day', v_tick);
        v_day_after := v_day + interval '1 day';
        v_from_at := (v_day at time zone v_zone) - c_margin;
        v_until_at := (v_day_after at time zone v_zone) + c_margin;
        if p_schedule.anchor_local is null      -- at most one tick a day: one by one
           and (v_until_at at time zone v_zone) - (v_from_at at time zone v_zone) = v_until_at - v_from_at
           and v_until_at - v_from_at = interval '1 day' + 2 * c_margin then
            v_upto := least(v_day_after - interval '1 microsecond', p_upto at time zone v_zone);
            ticks := ticks + kronos.ticks_that_day(p_schedule, v_tick, v_upto);
            last_tick := kronos.earlier_that_day(p_schedule, v_upto) at time zone v_zone;
            following_tick := kronos.next_tick(
                p_schedule, least(v_until_at - c_margin - interval '1 microsecond', p_upto));
        else
            ticks := ticks + 1;
            last_tick := following_tick;
            following_tick := kronos.next_tick(p_schedule, last_tick);
        end if;
    end loop;
end
$$;
