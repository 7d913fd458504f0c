-- alarm_interval: the alarm of an interval of a minute or more. pg_cron keeps no state, so an interval that
-- does not divide the day, or the hour, rings at every minute or hour on which a tick can fall.
-- Interval and anchor are whole minutes, as parse_interval returns them.
create or replace function kronos.alarm_interval(p_seconds integer, p_anchor timestamptz) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_first constant timestamp := p_anchor at time zone 'UTC';
    v_unit  constant text      := case when p_seconds % 3600 = 0 then 'hour' else 'minute' end;
    v_size  constant integer   := case v_unit when 'hour' then 24 else 60 end;
    v_step  integer := gcd(p_seconds / case v_unit when 'hour' then 3600 else 60 end, v_size);
    v_bits  bigint  := 0;
begin
    if p_seconds % 604800 = 0 then
        return to_char(v_first, 'FMMI FMHH24') || ' * * ' || extract(dow from v_first);
    end if;
    for v_value in date_part(v_unit, v_first)::integer % v_step .. v_size - 1 by v_step loop
        v_bits := v_bits | (1::bigint << v_value);
    end loop;
    return case v_unit when 'hour' then to_char(v_first, 'FMMI ') else '' end
           || kronos.cron_list(v_bits, 0, v_size - 1)
        || case v_unit when 'hour' then ' * * *' else ' * * * *' end;
end
$$;
