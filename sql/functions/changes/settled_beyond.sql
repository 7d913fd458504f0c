-- settled_beyond: the last tick of a job later than p_now that is accounted for already: the clock has been
-- set back since. A change settles the job up to it, and not up to p_now: the next version would have that
-- tick a second time, and the ledger of this one would have one too many. A run that a calendar put before
-- its tick is none of these: ends_among_calendars and first_place know it.
-- Returns: null, mostly, which costs one look for the next tick; and where that tick is more than a day away:
-- a job that was made by a clock of another year goes on from now once it is changed.
create or replace function kronos.settled_beyond(p_job kronos.jobs, p_now timestamptz) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_place constant timestamptz := (select coalesce(pointer.tick_at, pointer.next_tick_at)
                                       from kronos.pointer_of(p_job.job_id) as pointer);
begin
    if v_place is null or (p_job.calendars <> '{}' and p_job.on_blackout = 'PREVIOUS')
    or kronos.next_tick(p_job.schedule,
                        greatest(p_now, kronos.finite(p_job.starts_at) - interval '1 microsecond'))
       >= v_place then
        return null;
    end if;
    return (select settled.at
              from kronos.settled_tick(p_job, p_now) as settled (at)
             where settled.at > p_now and settled.at <= p_now + interval '1 day');
exception when data_exception then
    return null;      -- a malformed schedule has no ticks
end
$$;
