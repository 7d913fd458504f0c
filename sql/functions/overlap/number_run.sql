-- number_run: gives a run that must not overlap its place in the order of its key, whichever session writes
-- it. The number is drawn while the row of the job's newest version is locked, as by every session that adds
-- to a key. So a later run has a higher number, and none is below the number that a tick uses (runs_from).
-- Runs as the owner.
create or replace function kronos.number_run() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if new.overlap_key is null then
        new.overlap_nth := null;
        return new;
    end if;
    perform from kronos.jobs
      where job_id = (select job_id
                        from kronos.jobs
                       where first_version_id = new.overlap_key
                       order by version desc
                       limit 1)
        for no key update;
    new.overlap_nth := nextval('kronos.overlap_nth');
    return new;
end
$$;
create or replace trigger execution_live_is_numbered
    before insert on kronos.execution_live
    for each row when (new.overlap_key is not null) execute function kronos.number_run();
create or replace trigger execution_live_is_numbered_anew
    before update of overlap_key on kronos.execution_live
    for each row when (new.overlap_key is distinct from old.overlap_key) execute function kronos.number_run();
