-- hold_door_open: records that pings can be received now, as each API process reports every 5 s. It writes
-- only if there are heartbeats and nothing was recorded for 4 s, so that one row is written every 4 to 9 s,
-- however many processes there are. If nothing was recorded for 15 s, the time since the last record is a
-- gap, in which pings may have been lost. A process that finds another one doing this leaves it to that one.
-- Locks the row of ping_door.
-- Returns: whether there was a gap.
create or replace function kronos.hold_door_open() returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_now     constant timestamptz := kronos.clock();
    v_before  timestamptz;
    v_was_gap boolean;
begin
    perform from kronos.ping_door as door      -- reading writes nothing, locking does
      where v_now not between door.open_until and door.open_until + interval '4 seconds'
        and exists (select from kronos.beats as beat where beat.deleted_at is null);
    if not found then
        return false;
    end if;
    select door.open_until into v_before from kronos.ping_door as door for update skip locked;
    if not found or v_now between v_before and v_before + interval '4 seconds' then
        return false;
    end if;
    v_was_gap := v_before > '-infinity' and v_now > v_before + interval '15 seconds';
    if v_was_gap then
        insert into kronos.ping_gaps (from_at, until_at) values (v_before, v_now) on conflict do nothing;
    end if;
    update kronos.ping_door set open_until = v_now;
    return v_was_gap;
end
$$;
