-- settled_beyond: a job's last tick after p_now that is already accounted for, because the clock was set back
-- since. A change settles the job up to that tick, not up to p_now: otherwise the next version would have
-- that tick a second time, and this version's ledger one tick too many. A run that a calendar put before its
-- tick does not count; ends_among_calendars and first_place handle those.
-- Returns: usually null, at the cost of one search for the next tick; also null if that tick is more than a
-- day away: a job created under a clock of another year continues from now once it is changed.
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
