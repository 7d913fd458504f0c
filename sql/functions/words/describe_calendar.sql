-- describe_calendar: a calendar interval in words: "Every 2 weeks on Monday at 09:00, counted from
-- 2026-12-07".
create or replace function kronos.describe_calendar(p_schedule kronos.schedule) returns text
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_anchor constant timestamp := p_schedule.anchor_local;
    v_unit   text    := 'day';
    v_count  integer := p_schedule.every_days;
    v_on     text    := '';
begin
    if p_schedule.every_days % 7 = 0 then
        v_unit := 'week';
        v_count := v_count / 7;
        v_on := to_char(v_anchor, '" on "FMDay');
    elsif p_schedule.every_months is not null then
        v_unit := case when p_schedule.every_months % 12 = 0 then 'year' else 'month' end;
        v_count := p_schedule.every_months / case v_unit when 'year' then 12 else 1 end;
        v_on := to_char(v_anchor,
                        case v_unit when 'year' then '" on day "FMDD" of "FMMonth' else '" on day "FMDD' end)
             || case when bit_count((select dates.days
                                       from kronos.calendar_dates(p_schedule.every_months,
                                                                  v_anchor) as dates)::bit(64)) > 1
                     then ', or the month''s last day,' else '' end;
    end if;
    return 'Every ' || case v_count when 1 then v_unit else v_count || ' ' || v_unit || 's' end || v_on
        || to_char(v_anchor, '" at "HH24:MI", counted from "YYYY-MM-DD');
end
$$;
