-- settle_alarms_or_warn: settle_alarms, for what nobody waits for: where it fails, or waits for longer than a
-- ring may, it is the reaper's, and is not tried again in this transaction.
create or replace function kronos.settle_alarms_or_warn() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform kronos.settle_alarms_soon();
exception when others then
    raise warning 'kronos: entries that jobs share stay as they are until the reaper''s next run: % (%)',
        sqlerrm, sqlstate;
    perform set_config('kronos.alarms_noted', '', true);
end
$$;
