-- next_civil_tick: the first tick strictly later than p_after of a schedule whose zone changes its clocks.
-- Returns: null when there is none within 41 years, and outside the years 1 to 9999.
--
-- A tick is an instant at which the zone's clocks read what the schedule names. Where they are put back, they
-- read it twice: unless the hour field begins with a star or dst_overlap is BOTH, the second is none. Where
-- they are put forward, what they never read becomes one tick at the first instant after the gap, or, where
-- dst_gap is SHIFT_BY_GAP, each moves by the gap's length (and is one with a tick that is there anyway):
-- unless the hour field begins with a star or dst_gap is SKIP.
--
-- The search follows one distance from UTC: from v_from on, the clocks read v_offset more than UTC's, and
-- v_named is the next reading that the schedule names, so its instant is v_named - v_offset, if the distance
-- is still the same there. If it is not, the change between is found, and the search begins again at the
-- change, its own instant included. Two equal distances up to 48 hours apart have no change between them, for
-- no zone has changed its clocks twice within three days (the shortest is Freetown's four, in 1939), nor by
-- more than 24 hours; from a reading that is further away, what lies between is leapt over: after 48 hours no
-- change can bring back readings before v_from's, and 26 hours before v_named's instant none can have reached
-- v_named.
-- `at time zone` with a zone's name is immutable to PostgreSQL; readings of UTC's clock are timestamps here,
-- so that no session's TimeZone counts.
create or replace function kronos.next_civil_tick(p_schedule kronos.schedule, p_after timestamptz)
returns timestamptz
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_near     constant interval := interval '48 hours';
    c_day      constant interval := interval '24 hours';
    v_zone     constant text     := p_schedule.timezone;
    v_is_fixed constant boolean  := p_schedule.every_hour is not true;
    v_shifts   constant boolean  := v_is_fixed and p_schedule.dst_gap is distinct from 'SKIP';
    v_by_gap   constant boolean  := v_is_fixed and p_schedule.dst_gap is not distinct from 'SHIFT_BY_GAP';
    v_repeats  constant boolean  := not v_is_fixed or p_schedule.dst_overlap is not distinct from 'BOTH';
    v_from     timestamp := p_after at time zone 'UTC';
    v_reading  timestamp := p_after at time zone v_zone;
    v_named    timestamp := kronos.next_local_tick(p_schedule, v_reading);
    v_until    timestamp;
    v_offset   interval;
    v_at       timestamp;
    v_change   timestamp;
    v_back     interval;
    v_moved    timestamptz;
begin
    if v_named is null then
        return null;
    end if;
    -- of a schedule whose every reading is in a gap, too
    v_until := greatest(v_reading, p_schedule.anchor_local) + interval '41 years';
    v_offset := v_reading - v_from;
    if v_by_gap then
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
            if v_repeats then
                return v_at at time zone 'UTC';
            end if;
            -- by how much clocks were put back since
            v_back := (v_at - c_day) at time zone 'UTC' at time zone v_zone + c_day - v_named;
            if v_back <= interval '0'
            or (v_at - v_back) at time zone 'UTC' at time zone v_zone <> v_named then
                return v_at at time zone 'UTC';
            end if;
            -- A second time: so are all readings until the clocks are where they were put back from.
            v_reading := kronos.zone_change(v_zone, v_at - c_day, v_at) + v_offset + v_back;
            v_named := kronos.next_local_tick(p_schedule, v_reading - interval '1 microsecond');
            continue;
        else
            v_change := v_at;
        end if;
        v_from := kronos.zone_change(v_zone, v_from, v_change);
        v_reading := v_from at time zone 'UTC' at time zone v_zone;
        if v_by_gap and v_named < v_reading then
            v_moved := (v_named - v_offset) at time zone 'UTC';
            v_named := kronos.next_local_tick(p_schedule, v_reading - interval '1 microsecond');
            return least(v_moved, (v_named - v_reading + v_from) at time zone 'UTC');
        elsif v_shifts and v_named < v_reading then
            return v_from at time zone 'UTC';
        end if;
        v_offset := v_reading - v_from;
        v_named := kronos.next_local_tick(p_schedule, v_reading - interval '1 microsecond');
    end loop;
    return null;
end
$$;
