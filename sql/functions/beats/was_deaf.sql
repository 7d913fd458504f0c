-- was_deaf: whether a ping could have been lost between two instants because no API process could receive it.
-- Each process reports every 5 s that it can (hold_door_open); 15 s without a report are a gap, which begins
-- at the last report. In plpgsql, which keeps the plan: account_beats calls it thousands of times.
create or replace function kronos.was_deaf(p_from timestamptz, p_until timestamptz) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return (select door.open_until < least(p_until, kronos.clock() - interval '15 seconds')
              from kronos.ping_door as door)
        or exists (select from kronos.ping_gaps as gap where gap.from_at < p_until and gap.until_at > p_from);
end
$$;
