-- halted_upto: the last tick of a job that is due by p_upto, when its pointer is at p_tick; whatever halts
-- the job until then skips the ticks up to there. A tick that a calendar holds back until a later day is not
-- included, and runs then. A tick that would run by p_upto, before its own time, is included.
-- Returns: an instant; p_upto where calendars move nothing.
-- Raises: 22xxx if the schedule is malformed.
create or replace function kronos.halted_upto(p_job kronos.jobs, p_tick timestamptz, p_upto timestamptz)
returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_tick timestamptz;
    v_upto timestamptz := p_upto;
    v_open tstzmultirange;
begin
    if p_job.calendars = '{}' or p_job.on_blackout = 'SKIP' or p_tick is null or not isfinite(p_tick) then
        return p_upto;
    elsif p_job.on_blackout = 'PREVIOUS' then
        v_tick := greatest(p_tick, kronos.next_tick(p_job.schedule, p_upto));
        while kronos.due_of(p_job, v_tick) <= p_upto loop
            v_upto := v_tick;
            v_tick := kronos.next_tick(p_job.schedule, v_tick);
        end loop;
        return v_upto;
    end if;
    v_tick := greatest(p_tick, kronos.first_waiting(p_job.schedule, 'NEXT', p_upto));
    if v_tick <= p_upto then
        v_open := kronos.open_times(p_job.workspace_id, p_job.calendars, v_tick,
                                    p_upto + interval '1 microsecond');
    end if;
    while v_tick <= p_upto loop
        if kronos.due_of(p_job, v_tick) > p_upto then
            return v_tick - interval '1 microsecond';
        end if;
        v_tick := coalesce(kronos.after_open(p_job.schedule, v_open, v_tick),
                           kronos.next_tick(p_job.schedule, v_tick));
    end loop;
    return v_upto;
end
$$;
