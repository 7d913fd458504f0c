-- settle_alarms_or_warn: settle_alarms for transactions without a waiting caller. If it fails, or waits
-- longer than a ring may, the reaper does the work, and it is not retried in this transaction.
create or replace function kronos.settle_alarms_or_warn() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform kronos.settle_alarms_soon();
exception when others then
    raise warning 'kronos: shared pg_cron entries stay unchanged until the reaper''s next run: % (%)',
        sqlerrm, sqlstate;
    perform set_config('kronos.alarms_noted', '', true);
end
$$;
