-- stamp_job: retired_at is told whenever a job leaves for good, by whatever hand; a job that is gone has no next tick, and accounts for none
-- later than the one up to which its ticks were settled.
-- Called by: the trigger below.
create or replace function kronos.stamp_job() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if new.status in ('RETIRED', 'COMPLETED') then
        new.retired_at := coalesce(new.retired_at, now());
        new.next_tick_at := null;
        new.resume_at := null;
        new.ticks_until := coalesce(new.ticks_until, case when kronos.settled_job_id() = new.job_id then kronos.settled_at() else now() end);
    else
        new.retired_at := null;
        new.ticks_until := null;
    end if;
    return new;
end
$$;
create or replace trigger jobs_stamp_retirement
    before update of status on kronos.jobs
    for each row when (new.status <> old.status) execute function kronos.stamp_job();
