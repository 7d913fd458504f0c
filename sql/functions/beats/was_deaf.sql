-- was_deaf: whether a ping could have been lost between two instants because no API process could take it:
-- one says every 5 s that it can (hold_door_open), and 15 s without a word are a gap, from the last word on.
create or replace function kronos.was_deaf(p_from timestamptz, p_until timestamptz) returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select (select door.open_until < least(p_until, kronos.clock() - interval '15 seconds')
              from kronos.ping_door as door)
        or exists (select from kronos.ping_gaps as gap where gap.from_at < p_until and gap.until_at > p_from)
$$;
