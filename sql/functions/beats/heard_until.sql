-- heard_until: up to when it is known whether a ping came. After the last word of the door nobody knows yet
-- whether one could: either the next word comes, or within 15 s none, and then that time is a gap (was_deaf).
create or replace function kronos.heard_until() returns timestamptz
language sql volatile set search_path = pg_catalog, pg_temp
as $$
    select case when now.at between door.open_until and door.open_until + interval '15 seconds'
                then door.open_until else now.at end
      from kronos.ping_door as door
     cross join (select kronos.clock() as at) as now
$$;
