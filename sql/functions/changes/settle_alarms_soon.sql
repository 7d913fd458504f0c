-- settle_alarms_soon: settle_alarms before the commit, for a step that can be retried: an error from pg_cron
-- undoes the step, which stays to be done. It waits for an alarm's lock at most half a second, because its
-- transaction may hold other alarms' locks, in any order.
-- Raises: pg_cron's errors, unchanged.
create or replace function kronos.settle_alarms_soon() returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp set lock_timeout = '500ms'
as $$
begin
    perform kronos.settle_alarms();
end
$$;
