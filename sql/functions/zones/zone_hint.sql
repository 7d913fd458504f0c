-- zone_hint: a suggestion for a text that names no time zone: the name that differs only in case or blanks,
-- or the zone of this city.
create or replace function kronos.zone_hint(p_timezone text) returns text
language plpgsql stable strict set search_path = pg_catalog, pg_temp
as $$
declare
    v_meant constant text := lower(replace(btrim(p_timezone), ' ', '_'));
    v_name  text;
begin
    if p_timezone ~* '^(utc|gmt)?[+-]?[0-9:]+$' then
        return 'A UTC offset has no daylight saving time: use an IANA name, such as Europe/Berlin.';
    end if;
    select zone.name
      into v_name
      from pg_timezone_names as zone
     where zone.name !~ '^(posix|right)/'
       and zone.name not in ('localtime', 'posixrules', 'Factory', 'CET', 'EET', 'MET', 'WET')
       and v_meant in (lower(zone.name), lower(regexp_replace(zone.name, '^.*/', '')))
     order by lower(zone.name) <> v_meant, zone.name
     limit 1;
    return case
        when v_name is not null then 'Write ' || v_name || ' instead.'
        when exists (select from pg_timezone_abbrevs as abbreviation
                      where lower(abbreviation.abbrev) = v_meant)
            then 'An abbreviation stands for no one zone: use an IANA name, such as Europe/Berlin.'
        else 'Use an IANA name, such as Europe/Berlin.'
    end;
end
$$;
