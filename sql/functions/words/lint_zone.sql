-- lint_zone: report a zone whose name says something else than it is: an abbreviation of a zone with daylight
-- saving time that has none, and Etc/GMT+5, which is five hours behind UTC.
create or replace function kronos.lint_zone(p_timezone text) returns text[]
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_meant constant jsonb   := '{"EST": "America/New_York", "MST": "America/Denver"}'::jsonb;
    v_hours constant integer := substring(p_timezone from '^Etc/GMT([+-][0-9]{1,2})$')::integer;
begin
    if c_meant ? p_timezone then
        return array[format('%s has no daylight saving time, not even in summer: for clocks that change, '
                            'name a city, such as %s', p_timezone, c_meant ->> p_timezone)];
    elsif v_hours <> 0 then
        return array[format('%s is %s %s UTC: the sign in its name is the opposite', p_timezone,
                            kronos.counted(abs(v_hours), 'hour', 'hours'),
                            case when v_hours > 0 then 'behind' else 'ahead of' end)];
    end if;
    return '{}'::text[];
end
$$;
