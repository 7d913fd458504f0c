-- runs_since: an instant before which neither p_tick nor any later tick of a schedule with calendars runs. A
-- tick that rolls back never moves to a day with ticks, or beyond one. So it does not run before p_before, a
-- tick of an earlier day; on the same day it is p_since, the result for p_before; for the first tick examined
-- it is a year before the tick.
create or replace function kronos.runs_since(p_schedule kronos.schedule, p_on_blackout text,
                                             p_since timestamptz, p_before timestamptz, p_tick timestamptz)
returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_zone constant text := coalesce(p_schedule.timezone, 'UTC');
begin
    return case when p_on_blackout <> 'PREVIOUS' then p_tick
                when p_before is null then p_tick - interval '367 days'
                when (p_before at time zone v_zone)::date < (p_tick at time zone v_zone)::date then p_before
                else p_since end;
end
$$;
