-- retention_bounds: the bounds of one run, from the ages in use and the clock.
--  youngest   ids from here on are too young for every age
--  drop_days  a whole partition may be dropped once all of it is older than this: the longest age in use,
--             and at least the longest catch-up window of a live job plus a day, so that a pointer that was
--             set back still finds the ticks that it could deliver again
--  old        ids below this are as old as that, and so is all of the partition that contains them
-- Returns: one row.
create or replace function kronos.retention_bounds(out youngest uuid, out drop_days integer, out old uuid)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_window integer := (select ceil(max(catch_up_window_seconds) / 86400.0) + 1
                           from kronos.jobs
                          where status in ('ACTIVE', 'PAUSED') and trigger = 'CRON');
begin
    select kronos.uuid7_floor(kronos.now() - make_interval(days => min(age.days))),
           greatest(max(age.days), v_window) into youngest, drop_days
      from kronos.retention_ages() as age;
    old := kronos.uuid7_floor(kronos.now() - make_interval(days => drop_days));
    old := coalesce((select each.from_id
                       from kronos.partitions() as each
                      where each.parent = 'execution_done' and each.from_id <= old and each.to_id > old),
                    old);
end
$$;
