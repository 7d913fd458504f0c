-- stamp_job: retired_at is told whenever a job leaves for good, by whatever hand, and a job that is gone has no next tick.
-- Called by: the trigger below.
create or replace function kronos.stamp_job() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if new.status in ('RETIRED', 'COMPLETED') then
        new.retired_at := coalesce(new.retired_at, now());
        new.next_tick_at := null;
    else
        new.retired_at := null;
    end if;
    return new;
end
$$;
create or replace trigger jobs_stamp_retirement
    before update of status on kronos.jobs
    for each row when (new.status <> old.status) execute function kronos.stamp_job();
