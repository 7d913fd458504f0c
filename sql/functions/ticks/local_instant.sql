-- local_instant: the instant at which a zone's clocks show a local time. If they show it twice, the first
-- one. If they never show it, p_dst_gap decides; SKIP acts as SHIFT here, because an event that happens once
-- is never dropped.
create or replace function kronos.local_instant(p_local timestamp, p_timezone text, p_dst_gap text)
returns timestamptz
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_near     constant interval    := interval '3 hours';
    v_at       constant timestamptz := p_local at time zone p_timezone;
    v_schedule kronos.schedule;     -- a calendar interval begins with its anchor
begin
    if (v_at - c_near) at time zone p_timezone = p_local - c_near
    and (v_at + c_near) at time zone p_timezone = p_local + c_near then
        return v_at;
    end if;
    v_schedule.every_months := 1;
    v_schedule.anchor_local := p_local;
    v_schedule.every_hour := false;
    v_schedule.timezone := p_timezone;
    v_schedule.dst_gap := case p_dst_gap when 'SKIP' then 'SHIFT' else p_dst_gap end;
    v_schedule.dst_overlap := 'FIRST';
    return kronos.next_tick(v_schedule, (p_local - interval '48 hours') at time zone 'UTC');
end
$$;
