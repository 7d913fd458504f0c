-- next_run_at: when a live CRON job runs next whose pointer does not say so: the first tick from now on where
-- an alarm is late, from resume_at on where it is paused until then, and after those that it is to skip.
-- Returns: null where there is none, or more than 100 are to be skipped (0.5 ms), or the schedule is
-- malformed: reading a job never fails for its sake.
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
