-- next_civil_tick: the first tick strictly later than p_after, for a schedule whose zone changes its clocks.
-- Returns: null if there is none within 41 years, and outside the years 1 to 9999.
--
-- A tick is an instant at which the zone's clocks show a time that the schedule names. When the clocks are
-- put back, they show a time twice: the second is no tick, unless the hour field begins with a star or
-- dst_overlap is BOTH. When the clocks are put forward, the times that they never show become one tick at the
-- first instant after the gap. With dst_gap SHIFT_BY_GAP, each of them moves by the length of the gap
-- instead, and merges with a tick that exists anyway. With dst_gap SKIP, or if the hour field begins with a
-- star, they are dropped.
--
-- The search follows one UTC offset: from v_from on, the clocks are v_offset ahead of UTC, and v_named is the
-- next reading that the schedule names. Its instant is v_named - v_offset, if the offset is still the same
-- there. If it is not, the change in between is found, and the search begins again at the change, including
-- its own instant.
-- Two equal offsets up to 48 hours apart have no change between them: no zone has changed its clocks twice
-- within three days (the shortest interval is Freetown's four days, in 1939), nor by more than 24 hours. If
-- the reading is further away, the time in between is skipped: after 48 hours no change can bring back
-- readings before v_from's, and 26 hours before v_named's instant none can have reached v_named.
-- `at time zone` with the name of a zone is immutable to PostgreSQL. Readings of UTC's clock are timestamps
-- here, so the session's TimeZone does not matter.
create or replace function kronos.next_civil_tick(p_schedule kronos.schedule, p_after timestamptz)
returns timestamptz
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_near     constant interval := interval '48 hours';
    c_day      constant interval := interval '24 hours';
    v_zone     constant text     := p_schedule.timezone;
    v_is_fixed constant boolean  := p_schedule.every_hour is not true;
    v_repeats  constant boolean  := not v_is_fixed or p_schedule.dst_overlap is not distinct from 'BOTH';
    v_from     timestamp := p_after at time zone 'UTC';
    v_reading  timestamp := p_after at time zone v_zone;
    v_named    timestamp := kronos.next_local_tick(p_schedule, v_reading);
    v_until    timestamp;
    v_offset   interval;
    v_at       timestamp;
    v_change   timestamp;
    v_moved    timestamptz;
begin
    if v_named is null then
        return null;
    end if;
    -- also for a schedule whose every reading falls into a gap
    v_until := greatest(v_reading, p_schedule.anchor_local) + interval '41 years';
    v_offset := v_reading - v_from;
    if v_is_fixed and p_schedule.dst_gap = 'SHIFT_BY_GAP' then
        v_moved := kronos.moved_tick(p_schedule, p_after + interval '1 microsecond');
        if v_moved is not null then      -- no clocks are changed until then
            return least(v_moved, (v_named - v_offset) at time zone 'UTC');
        end if;
    end if;
    while v_named <= v_until loop
        v_at := v_named - v_offset;
        if v_at > v_from + c_near then
            v_change := v_from + c_near;
            if v_change at time zone 'UTC' at time zone v_zone = v_change + v_offset then
                v_from :=
                    greatest(v_change, v_named at time zone v_zone at time zone 'UTC' - interval '26 hours');
                v_offset := v_from at time zone 'UTC' at time zone v_zone - v_from;
                continue;
            end if;
        elsif v_at at time zone 'UTC' at time zone v_zone = v_named then
            if v_repeats or (v_at - c_day) at time zone 'UTC' at time zone v_zone <= v_named - c_day then
                return v_at at time zone 'UTC';
            end if;
            v_reading := kronos.repeated_until(v_zone, v_at, v_named);
            if v_reading is null then
                return v_at at time zone 'UTC';
            end if;
            v_named := kronos.next_local_tick(p_schedule, v_reading - interval '1 microsecond');
            continue;
        else
            v_change := v_at;
        end if;
        v_from := kronos.zone_change(v_zone, v_from, v_change);
        v_reading := v_from at time zone 'UTC' at time zone v_zone;
        if v_named < v_reading and v_is_fixed and p_schedule.dst_gap is distinct from 'SKIP' then
            return kronos.gap_tick(p_schedule, v_named - v_offset, v_from, v_reading);
        end if;
        v_offset := v_reading - v_from;
        v_named := kronos.next_local_tick(p_schedule, v_reading - interval '1 microsecond');
    end loop;
    return null;
end
$$;
