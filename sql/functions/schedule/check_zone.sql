-- check_zone: the zone's own name.
-- Called by: read_schedule.   Raises: KR004 where there is no such zone.
create or replace function kronos.check_zone(p_timezone text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from pg_timezone_names as zone where zone.name = p_timezone) then
        raise sqlstate 'KR004' using message = format('there is no time zone "%s"', p_timezone), hint = 'use an IANA name, such as Europe/Berlin';
    end if;
    return p_timezone;
end
$$;
