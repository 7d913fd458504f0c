-- match_fields: compare each field of a cron schedule with one minute of a wall clock, by the calendar search
-- of next_local_tick.
-- Returns: {minute, hour, day_of_month, month, weekday: {is, matches}, days_rule: and|or, day_matches,
-- matches}. matches is true if next_local_tick finds that minute. Null for intervals of either kind, which
-- have no fields.
create or replace function kronos.match_fields(p_schedule kronos.schedule, p_local timestamp) returns jsonb
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_minute   integer := date_part('minute', p_local)::integer;
    v_hour     integer := date_part('hour', p_local)::integer;
    v_day      integer := date_part('day', p_local)::integer;
    v_month    integer := date_part('month', p_local)::integer;
    v_weekday  integer := date_part('dow', p_local)::integer;
    v_only_day kronos.schedule := p_schedule;
    v_midnight timestamp := date_trunc('day', p_local);
    v_of_month boolean;
    v_of_week  boolean;
begin
    if p_schedule.every_seconds is not null or p_schedule.anchor_local is not null then
        return null;
    end if;
    -- next_local_tick decides which days a field names. It is called with the other fields open, and with the
    -- other day field out of the way.
    v_only_day.minutes := 1;
    v_only_day.hours := 1;
    v_only_day.months := 8190;
    v_only_day.both_days := false;
    v_only_day.weekdays := 0;
    v_only_day.nth_weekdays := 0;
    v_only_day.last_weekdays := 0;
    v_of_month :=
        kronos.next_local_tick(v_only_day, v_midnight - interval '1 minute') is not distinct from v_midnight;
    v_only_day.weekdays := p_schedule.weekdays;
    v_only_day.nth_weekdays := p_schedule.nth_weekdays;
    v_only_day.last_weekdays := p_schedule.last_weekdays;
    v_only_day.days := 0;
    v_only_day.nearest_days := 0;
    v_of_week :=
        kronos.next_local_tick(v_only_day, v_midnight - interval '1 minute') is not distinct from v_midnight;
    return jsonb_build_object(
        'minute', jsonb_build_object('is', v_minute, 'matches', (p_schedule.minutes >> v_minute) & 1 = 1),
        'hour', jsonb_build_object('is', v_hour, 'matches', (p_schedule.hours >> v_hour) & 1 = 1),
        'day_of_month', jsonb_build_object('is', v_day, 'matches', v_of_month),
        'month', jsonb_build_object('is', v_month, 'matches', (p_schedule.months >> v_month) & 1 = 1),
        'weekday', jsonb_build_object('is', v_weekday, 'matches', v_of_week),
        'days_rule', case when p_schedule.both_days then 'and' else 'or' end,
        'day_matches', case when p_schedule.both_days then v_of_month and v_of_week
                            else v_of_month or v_of_week end,
        'matches', (p_schedule.minutes >> v_minute) & 1 = 1
                   and (p_schedule.hours >> v_hour) & 1 = 1
                   and (p_schedule.months >> v_month) & 1 = 1
                   and case when p_schedule.both_days then v_of_month and v_of_week
                            else v_of_month or v_of_week end);
end
$$;
