-- settle_alarms_soon: settle_alarms before the commit, for a step that can be tried again: what pg_cron
-- refuses is the step's, which is undone, and stays to be done. It waits for an alarm's lock half a second
-- at most, since others of its transaction may be locked, in whatever order.
-- Raises: pg_cron's errors, unchanged.
create or replace function kronos.settle_alarms_soon() returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp set lock_timeout = '500ms'
as $$
begin
    perform kronos.settle_alarms();
end
$$;
