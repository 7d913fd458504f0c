-- check_zone: return the zone's name, if a schedule can have it: an exact IANA name that `at time zone` reads
-- as that zone.
-- Raises: KR004 with a hint.
--
-- PostgreSQL accepts more than names: any case, abbreviations, POSIX texts ("Foo+3", three hours west of
-- UTC). pg_timezone_names has the names, but reads 1,200 files for them: 40 ms. is_zone_name recognizes most
-- names without it, and zones that jobs use are in kronos.zones: 0.05 ms. A text that PostgreSQL does not
-- accept is no name: only the hint reads them then. An abbreviation takes precedence over a name: `at time
-- zone 'CET'` is an hour ahead of UTC all year, which the zone CET is not.
create or replace function kronos.check_zone(p_timezone text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_name       text;
    v_is_misread boolean;
begin
    if p_timezone = 'UTC'
    or kronos.is_zone_name(p_timezone)
    or exists (select from kronos.zones as zone where zone.timezone = p_timezone) then
        return p_timezone;
    end if;
    begin
        perform timestamptz 'epoch' at time zone p_timezone;
        select zone.name, abbreviation.abbrev is not null and not kronos.is_utc_zone(zone.name)
                          and (zone.name not in ('EST', 'HST', 'MST')
                               or zone.utc_offset <> abbreviation.utc_offset)
          into v_name, v_is_misread
          from pg_timezone_names as zone
          left join pg_timezone_abbrevs as abbreviation on abbreviation.abbrev = upper(zone.name)
         where zone.name = p_timezone
           and zone.name !~ '^(posix|right)/'
           and zone.name not in ('localtime', 'posixrules', 'Factory');
    exception when invalid_parameter_value then
        v_name := null;
    end;
    if v_is_misread then
        raise sqlstate 'KR004' using
            message = format('"%s" would be read as an abbreviation, without daylight saving time',
                             p_timezone),
            hint = 'Name a city: '
                || coalesce('{"EET": "Europe/Athens", "MET": "Europe/Brussels", "CET": "Europe/Brussels", '
                            '"WET": "Europe/Lisbon"}'::jsonb ->> p_timezone, 'Europe/Berlin')
                || ', for instance.';
    elsif v_name is null then
        raise sqlstate 'KR004' using
            message = format('there is no time zone "%s"', left(p_timezone, 100)),
            hint = kronos.zone_hint(p_timezone);
    end if;
    return v_name;
end
$$;
