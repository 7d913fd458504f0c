-- ends_among_calendars: the last instant for whose ticks a version is responsible, when the version ends now
-- and calendars move its ticks. A tick that ran before its time belongs to this version. A tick that is held
-- back until a later day goes to the version that replaces it (first_place), and is skipped if none does.
create or replace function kronos.ends_among_calendars(p_job kronos.jobs, p_pointer kronos.pointers)
returns timestamptz
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    if p_pointer.tick_at > p_job.ticks_until or p_pointer.tick_at is null then
        return greatest(p_job.ticks_until, case when p_job.on_blackout = 'PREVIOUS'
                                                then kronos.settled_tick(p_job, '-infinity') end);
    elsif p_job.status_reason ->> 'code' = 'replaced' then
        return p_pointer.tick_at - interval '1 microsecond';
    end if;
    perform kronos.skip_ticks(p_job.job_id, p_job.ticks_until,
                              jsonb_build_object('code', 'blackout_ended', 'detail',
                                                 'the job ended before the day on which it was to run'),
                              true);
    return p_job.ticks_until;
end
$$;
