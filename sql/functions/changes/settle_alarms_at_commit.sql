-- settle_alarms_at_commit: what a transaction noted of shared entries (note_alarm) is done as it commits: the
-- first of its rows does it for all. It wants nothing but to be called late, so it never changes.
create or replace function kronos.settle_alarms_at_commit() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(current_setting('kronos.alarms_noted', true), '') <> '' then
        perform kronos.settle_alarms();
    end if;
    return null;
end
$$;
-- PostgreSQL replaces no constraint trigger.
drop trigger if exists jobs_settle_alarms on kronos.jobs;
create constraint trigger jobs_settle_alarms
    after insert or update on kronos.jobs deferrable initially deferred
    for each row when (new.trigger = 'CRON')
    execute function kronos.settle_alarms_at_commit();
drop trigger if exists turns_settle_alarms on kronos.turns;
create constraint trigger turns_settle_alarms
    after insert or update or delete on kronos.turns deferrable initially deferred
    for each row execute function kronos.settle_alarms_at_commit();
drop trigger if exists deletions_settle_alarms on kronos.deletions;
create constraint trigger deletions_settle_alarms
    after insert or update on kronos.deletions deferrable initially deferred
    for each row execute function kronos.settle_alarms_at_commit();
