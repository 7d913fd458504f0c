-- zone_shifts: what alarm needs of a time zone: the reaper's reading of it or, if there is none from the last
-- day, a new reading.
-- Raises: invalid_parameter_value if there is no such zone.
create or replace function kronos.zone_shifts(p_timezone text) returns kronos.zones
language plpgsql stable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_zone kronos.zones;
begin
    select * into v_zone
      from kronos.zones as zone
     where zone.timezone = p_timezone and zone.read_at > kronos.now() - interval '25 hours';
    return case when found then v_zone else kronos.read_zone(p_timezone) end;
end
$$;
