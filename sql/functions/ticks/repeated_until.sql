-- repeated_until: whether the clocks of a zone, put back in the 24 hours before p_at, show p_named a second
-- time at p_at, and until when they do: all readings are second ones until the clocks show again the time
-- from which they were put back. p_at is a reading of UTC's clock, p_named the zone's at that instant.
-- Returns: that time, as a reading of the zone's clocks; null if this is the first time.
create or replace function kronos.repeated_until(p_zone text, p_at timestamp, p_named timestamp)
returns timestamp
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_day  constant interval := interval '24 hours';
    v_back constant interval := (p_at - c_day) at time zone 'UTC' at time zone p_zone + c_day - p_named;
begin
    if v_back <= interval '0' or (p_at - v_back) at time zone 'UTC' at time zone p_zone <> p_named then
        return null;
    end if;
    return kronos.zone_change(p_zone, p_at - c_day, p_at) + (p_named - p_at) + v_back;
end
$$;
