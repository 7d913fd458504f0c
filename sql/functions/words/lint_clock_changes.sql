-- lint_clock_changes: the runs that a zone's clock changes move, drop or repeat between two instants, and
-- what happens to them.
--
-- Reports nothing for a schedule that runs every hour because its hour field is *: each real instant that
-- matches is as good as the next.
create or replace function kronos.lint_clock_changes(p_schedule kronos.schedule, p_after timestamptz,
                                                     p_until timestamptz)
returns text[]
language plpgsql stable strict set search_path = pg_catalog, pg_temp
as $$
declare
    c_every_hour constant integer := 16777215;     -- bits 0-23
    v_change record;
    v_old    timestamp;     -- what the clocks would show without the change, and ...
    v_new    timestamp;     -- ... what they show
    v_first  timestamp;
    v_lints  text[] := '{}'::text[];
begin
    if kronos.is_utc_zone(p_schedule.timezone) or (p_schedule.every_hour and p_schedule.hours = c_every_hour)
    or p_schedule.every_seconds % 86400 <> 0 then
        return v_lints;
    end if;
    for v_change in select * from kronos.zone_changes(p_schedule.timezone, p_after, p_until) loop
        v_new := v_change.at at time zone p_schedule.timezone;
        v_old := v_new - v_change.new_offset + v_change.old_offset;
        if p_schedule.every_seconds is not null then
            return v_lints || format(
                '%s counts real time: from %s on its runs are at another time of day in %s; '
                'for the same time of day give the anchor without an offset, %s',
                lower(kronos.describe_interval(p_schedule.every_seconds, null)),
                to_char(v_new, 'YYYY-MM-DD'), p_schedule.timezone,
                to_char(p_schedule.anchor at time zone p_schedule.timezone, 'YYYY-MM-DD"T"HH24:MI:SS')
            );
        end if;
        v_first := kronos.next_local_tick(p_schedule, least(v_old, v_new) - interval '1 microsecond');
        continue when v_first is null or v_first >= greatest(v_old, v_new);
        v_lints := v_lints || case
            when v_old < v_new then kronos.lint_gap(p_schedule, v_first, v_new, v_new - v_old)
            else kronos.lint_repeat(p_schedule, v_first, v_old)
        end;
    end loop;
    return v_lints;
end
$$;
