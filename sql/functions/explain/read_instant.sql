-- read_instant: how a schedule reads the minute of an instant: the local time in its zone, which fields
-- match, and the effect of a clock change.
-- Returns: {local, zone, weekday, is_named, fields, texts, next_tick, clock, every_seconds, anchor,
-- anchor_local}, or {error} if the schedule is malformed. clock is null unless a change is near. {change:
-- forward, at, skipped_local, skipped_matches, from_local, to_local, moves, moved_to}: clocks were set
-- forward within the day before, and without that they would now show a skipped time. {change: back, at,
-- pass: second}: they show a time for the second time.
create or replace function kronos.read_instant(p_schedule kronos.schedule, p_cron text, p_at timestamptz)
returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_minute timestamptz := date_trunc('minute', p_at, 'UTC');
    v_local  timestamp;
    v_change record;
    v_clock  jsonb;
    v_lost   timestamp;      -- the time that clocks would have shown
    v_fault  text := kronos.schedule_fault(p_schedule);
begin
    if v_fault is not null then
        return jsonb_build_object('error', jsonb_build_object('sqlstate', '22023', 'message', v_fault));
    end if;
    v_local := v_minute at time zone p_schedule.timezone;
    for v_change in
        select * from kronos.zone_changes(p_schedule.timezone, v_minute - interval '24 hours',
                                          v_minute + interval '59 seconds')
    loop
        if v_change.new_offset > v_change.old_offset
        and v_minute < v_change.at + (v_change.new_offset - v_change.old_offset) then
            v_lost := v_minute at time zone 'UTC' + v_change.old_offset;
            v_clock := jsonb_build_object(
                'change', 'forward', 'at', kronos.iso(v_change.at),
                'from_local', to_char(v_change.at at time zone 'UTC' + v_change.old_offset, 'HH24:MI'),
                'to_local', to_char(v_change.at at time zone 'UTC' + v_change.new_offset, 'HH24:MI'),
                'skipped_local', to_char(v_lost, 'YYYY-MM-DD"T"HH24:MI'),
                'skipped_matches', p_schedule.every_seconds is null and not p_schedule.every_hour
                                   and coalesce(kronos.next_local_tick(p_schedule,
                                                                       v_lost - interval '1 microsecond')
                                                = v_lost, false),
                'moves', p_schedule.every_seconds is null and not p_schedule.every_hour
                         and coalesce(kronos.next_local_tick(p_schedule,
                                                             v_change.at at time zone 'UTC'
                                                             + v_change.old_offset - interval '1 microsecond')
                                      < v_change.at at time zone 'UTC' + v_change.new_offset, false),
                'moved_to', kronos.iso(case when p_schedule.dst_gap = 'SHIFT_BY_GAP'
                                            then kronos.moved_tick(p_schedule, v_minute)
                                            else v_change.at end));
        elsif v_change.new_offset < v_change.old_offset
        and v_minute < v_change.at + (v_change.old_offset - v_change.new_offset) then
            v_clock := jsonb_build_object('change', 'back', 'at', kronos.iso(v_change.at), 'pass', 'second');
        end if;
    end loop;
    return jsonb_build_object(
        'local', kronos.local_text(v_minute, p_schedule.timezone), 'zone', p_schedule.timezone,
        'weekday', to_char(v_local, 'FMDay'),
        'is_named', coalesce(kronos.next_local_tick(p_schedule, v_local - interval '1 microsecond') = v_local,
                             false),
        'fields', kronos.match_fields(p_schedule, v_local),
        'texts', case when p_cron is not null then kronos.cron_fields(p_cron) end,
        'next_tick', kronos.iso(kronos.next_tick(p_schedule,
                                                 v_minute + interval '1 minute' - interval '1 microsecond')),
        'clock', v_clock,
        'every_seconds', p_schedule.every_seconds, 'anchor', kronos.iso(p_schedule.anchor),
        'anchor_local', to_char(p_schedule.anchor_local, 'YYYY-MM-DD"T"HH24:MI:SS'));
exception when data_exception or sqlstate 'KR001' then
    return jsonb_build_object('error', jsonb_build_object('sqlstate', sqlstate, 'message', sqlerrm));
end
$$;
