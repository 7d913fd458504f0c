-- read_schedule: a job's schedule from the user's input: a cron text or an interval, the zone, and the rules
-- for clock changes. An interval counts real time from p_anchor. An interval of months or years, or any
-- interval with p_anchor_local, counts days, weeks, months or years on the zone's wall clock. Without an
-- anchor it counts from the current minute.
-- Returns: the schedule for next_tick.
-- Raises: KR001 (cron), KR004 (zone), KR005 (interval), each with a hint.
create or replace function kronos.read_schedule(p_cron text, p_every text, p_anchor timestamptz,
                                                p_timezone text, p_dst_gap text, p_dst_overlap text,
                                                p_anchor_local timestamp default null)
returns kronos.schedule
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_schedule kronos.schedule;
    v_zone     text;
begin
    if p_every is null then
        v_schedule := kronos.parse_cron(p_cron);
        if num_nonnulls(p_anchor, p_anchor_local) > 0 then
            raise sqlstate 'KR005' using
                column = 'anchor',
                message = 'an anchor requires an interval, not a cron expression',
                hint = 'Omit the anchor, or give an interval in "every".';
        end if;
    elsif p_anchor_local is not null or p_every ~ '[0-9](mo|y)' then
        v_zone := kronos.check_zone(p_timezone);
        if p_anchor is not null then
            raise sqlstate 'KR005' using
                column = 'anchor',
                message = 'months and years are counted on a wall clock, from a local time',
                hint = format('Write the anchor without an offset, %s, which is that instant in %s, its '
                              'zone.',
                              to_char(p_anchor at time zone v_zone, 'YYYY-MM-DD"T"HH24:MI:SS'), v_zone);
        end if;
        v_schedule.anchor_local := coalesce(p_anchor_local,
                                            date_trunc('minute', kronos.now() at time zone v_zone));
        select parsed.days, parsed.months into v_schedule.every_days, v_schedule.every_months
          from kronos.parse_calendar_interval(p_every, v_schedule.anchor_local) as parsed;
        v_schedule.every_hour := false;      -- its time of day is fixed
    else
        v_schedule.anchor := coalesce(p_anchor, date_trunc('minute', kronos.now(), 'UTC'));
        v_schedule.every_seconds := kronos.parse_interval(p_every, v_schedule.anchor);
    end if;
    v_schedule.timezone := coalesce(v_zone, kronos.check_zone(p_timezone));
    v_schedule.dst_gap := p_dst_gap;
    v_schedule.dst_overlap := p_dst_overlap;
    return v_schedule;
end
$$;
