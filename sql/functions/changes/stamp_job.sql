-- stamp_job: maintains what depends on a job's status, whatever statement changes it. When a job ends,
-- retired_at is set and its pointer is deleted; the job keeps the pointer's counts, and is responsible for no
-- tick later than the last one settled. The pointer of a live job records whether it is paused. A job that is
-- made live again by hand gets a pointer again, without a next tick. The rules of require_sound_job that a
-- new status may violate are checked here, because this costs less than another trigger when many jobs change
-- at once.
-- Raises: 23514.
create or replace function kronos.stamp_job() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    v_pointer kronos.pointers;
    v_broken constant text := case
        when new.status = 'PAUSED' and new.trigger <> 'CRON' then 'jobs_only_cron_pauses'
        when new.status = 'ACTIVE' and new.resume_at is not null then 'jobs_only_pauses_end'
        when not new.status in ('ACTIVE', 'PAUSED', 'RETIRED', 'COMPLETED') then 'jobs_status_known'
    end;
begin
    if v_broken is not null then
        raise exception 'new row for relation "jobs" violates check constraint "%"', v_broken
            using errcode = 'check_violation', schema = 'kronos', table = 'jobs', constraint = v_broken;
    end if;
    if new.status in ('RETIRED', 'COMPLETED') then
        new.retired_at := coalesce(new.retired_at, kronos.now());
        new.resume_at := null;
        new.ticks_until := coalesce(new.ticks_until, case when kronos.settled_job_id() = new.job_id
                                                          then kronos.settled_at()
                                                          else kronos.now() end);
        if new.trigger = 'CRON' then
            select * into v_pointer from kronos.pointer_of(new.job_id);
            if found then
                if new.calendars <> '{}' and new.on_blackout <> 'SKIP' then
                    new.ticks_until := kronos.ends_among_calendars(new, v_pointer);
                    v_pointer := kronos.pointer_of(new.job_id);
                end if;
                delete from kronos.pointers
                 where job_id = v_pointer.job_id and next_tick_at = v_pointer.next_tick_at;
                new.runs := v_pointer.runs;
                new.last_run_at := v_pointer.last_run_at;
            end if;
        end if;
    else
        new.retired_at := null;
        new.ticks_until := null;
        if new.trigger = 'CRON' then
            select * into v_pointer from kronos.pointer_of(new.job_id);
            if found then
                update kronos.pointers
                   set is_paused = new.status = 'PAUSED'
                 where job_id = v_pointer.job_id and next_tick_at = v_pointer.next_tick_at;
            else
                insert into kronos.pointers (job_id, workspace_id, next_tick_at, last_run_at, runs, is_paused)
                values (new.job_id, new.workspace_id, 'infinity', new.last_run_at, new.runs,
                        new.status = 'PAUSED');
            end if;
        end if;
    end if;
    return new;
end
$$;
create or replace trigger jobs_stamp_retirement
    before update of status on kronos.jobs
    for each row when (new.status <> old.status) execute function kronos.stamp_job();
