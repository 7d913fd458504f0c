-- skipped_ticks: the local times that a schedule names but that do not exist, and that dst_gap SKIP therefore
-- drops.
-- Returns: for the gaps that end after p_after and not after p_until, in order: the end of the gap, at which
-- SHIFT would run it, and the local time.
create or replace function kronos.skipped_ticks(p_schedule kronos.schedule, p_after timestamptz,
                                                p_until timestamptz)
returns table (at timestamptz, local timestamp)
language plpgsql stable strict set search_path = pg_catalog, pg_temp
as $$
declare
    v_shifting kronos.schedule := p_schedule;
    v_tick     timestamptz := p_after;
begin
    if p_schedule.dst_gap <> 'SKIP'
    or p_schedule.every_hour
    or p_schedule.every_seconds is not null
    or kronos.is_utc_zone(p_schedule.timezone) then
        return;
    end if;
    v_shifting.dst_gap := 'SHIFT';
    loop
        v_tick := kronos.next_tick(v_shifting, v_tick);
        exit when v_tick is null or v_tick > p_until;
        if kronos.clock_change(v_shifting, v_tick) = 'shifted' then
            at := v_tick;
            local := kronos.next_local_tick(
                p_schedule, (v_tick - interval '1 microsecond') at time zone p_schedule.timezone
            );
            while local < v_tick at time zone p_schedule.timezone loop
                return next;
                local := kronos.next_local_tick(p_schedule, local);
            end loop;
        end if;
    end loop;
end
$$;
