-- leapt: the tick to examine in place of p_tick if the schedule's calendars together are closed from p_since
-- on: the first tick that may run once an instant is open (next_open). p_since: neither p_tick nor a later
-- tick runs before it.
-- Returns: p_tick if nothing is known, or p_is_asking is false and nothing is noted; null: none runs within
-- six years.
create or replace function kronos.leapt(
    p_workspace_id uuid, p_calendars text[], p_on_blackout text, p_schedule kronos.schedule,
    p_tick timestamptz, p_since timestamptz, p_is_asking boolean
) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_open constant timestamptz := kronos.next_open(p_workspace_id, p_calendars, p_since, p_is_asking);
begin
    return case when v_open is null or v_open <= p_tick then p_tick
                when v_open < 'infinity'
                then greatest(p_tick, kronos.first_waiting(p_schedule, p_on_blackout,
                                                           v_open - interval '1 microsecond')) end;
end
$$;
