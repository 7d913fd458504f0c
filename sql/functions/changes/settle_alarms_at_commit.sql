-- settle_alarms_at_commit: applies what a transaction noted about shared entries (note_alarm) when it
-- commits; the first of its rows does this for all. If no caller waits for a result (a ring, or a step of the
-- workers or the reaper), whatever cannot be done is left to the reaper, a minute later: accounted ticks must
-- not be undone for it. Only its deferral to the commit matters, so the trigger never changes.
create or replace function kronos.settle_alarms_at_commit() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_noted constant text := coalesce(current_setting('kronos.alarms_noted', true), '');
begin
    if v_noted ~ e'\n[+-]' then
        perform kronos.settle_alarms();
    elsif v_noted <> '' then
        perform kronos.settle_alarms_or_warn();
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
