-- heard_until: the instant up to which it is known whether a ping came. After the last report of the ping
-- door, it is not known yet whether a ping could have come: either the next report follows, or none follows
-- within 15 s, and then that time is a gap (was_deaf).
create or replace function kronos.heard_until() returns timestamptz
language sql volatile set search_path = pg_catalog, pg_temp
as $$
    select case when now.at between door.open_until and door.open_until + interval '15 seconds'
                then door.open_until else now.at end
      from kronos.ping_door as door
     cross join (select kronos.clock() as at) as now
$$;
