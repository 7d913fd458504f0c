-- first_left: the first tick that is left to a CRON job whose pointer is at p_tick: the ticks of a pause are
-- skipped, and so are those that calendars move out of it. Where nobody has said when it ends: if it ended
-- now.
create or replace function kronos.first_left(p_job kronos.jobs, p_tick timestamptz) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_job.status = 'PAUSED' then
        return greatest(p_tick, kronos.next_tick(p_job.schedule, coalesce(p_job.resume_at, kronos.now())
                                                                 - interval '1 microsecond'));
    end if;
    return p_tick;
end
$$;
