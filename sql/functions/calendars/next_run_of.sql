-- next_run_of: next_run_at for a job that may have calendars: when the first of its ticks that run does so.
-- Returns: null if there is none, it is not known, or the schedule is malformed: reading a job must not fail
-- because of it.
create or replace function kronos.next_run_of(p_job kronos.jobs, p_pointer kronos.pointers)
returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_tick constant timestamptz := coalesce(p_pointer.tick_at, p_pointer.next_tick_at);
begin
    if p_job.calendars = '{}' then
        return kronos.next_run_at(p_job, p_pointer);
    elsif v_tick is null or v_tick = 'infinity' or p_job.skip_next > 100
    or (p_job.status = 'PAUSED' and p_job.resume_at is null) then
        return null;
    end if;
    return kronos.first_run(p_job.workspace_id, p_job.calendars, p_job.on_blackout, p_job.schedule,
                            p_job.starts_at, p_job.ends_at, v_tick,
                            greatest(kronos.now(), p_job.resume_at), p_job.skip_next);
exception when data_exception then
    return null;
end
$$;
