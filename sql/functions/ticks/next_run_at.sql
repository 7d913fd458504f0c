-- next_run_at: the next run of a live CRON job whose pointer does not hold it: the first tick from now on if
-- an alarm is late, from resume_at on if the job is paused until then, and after the ticks that it is to
-- skip.
-- Returns: null if there is none, if more than 100 are to be skipped (0.5 ms), or if the schedule is
-- malformed. Reading a job never fails because of that.
create or replace function kronos.next_run_at(p_job kronos.jobs, p_pointer kronos.pointers)
returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_tick timestamptz;
begin
    if coalesce(p_pointer.next_tick_at, 'infinity') = 'infinity'
    or p_job.skip_next > 100
    or (p_job.status = 'PAUSED' and p_job.resume_at is null) then
        return null;
    end if;
    v_tick := greatest(p_pointer.next_tick_at,
                       kronos.next_tick(p_job.schedule,
                                        greatest(kronos.now(), p_job.resume_at) - interval '1 microsecond'));
    for i in 1 .. p_job.skip_next loop
        v_tick := kronos.next_tick(p_job.schedule, v_tick);
    end loop;
    return case when p_job.ends_at is null or v_tick < p_job.ends_at then v_tick end;
exception when data_exception then
    return null;
end
$$;
