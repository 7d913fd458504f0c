-- is_any_due: whether a ring of the job has anything to do: its own tick is due, or another job's tick is due
-- and on time, and is not left alone because it has just failed. Other internal jobs wait for their own
-- alarms. Ticks older than the grace are found by their job's own alarm, by any ring that finds something
-- due, and by catch-up each minute. p_job_id is null if the caller has no job.
-- The lower bound keeps a thousand alarms a minute cheap while another session reads in an old snapshot (a
-- dump, a report). Each tick leaves an entry in pointers_due that no vacuum may remove, and without the bound
-- each alarm read all of them: 8,900 buffers after 100 minutes of 1,000 jobs. plpgsql, so that the second
-- query is planned only if the first finds nothing.
create or replace function kronos.is_any_due(p_job_id uuid, p_now timestamptz) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from kronos.pointer_of(p_job_id) as own
                where not own.is_paused and own.next_tick_at <= p_now) then
        return true;
    end if;
    -- In the order of the index, and without a join. The planner's statistics on next_tick_at are a minute
    -- old when all jobs of a minute have just been moved. To find "the first of many", it read all of them
    -- through another index, 85,000 buffers.
    return coalesce((select true
                       from kronos.pointers as pointer
                      where pointer.is_awaited
                        and pointer.next_tick_at <= p_now
                        and pointer.next_tick_at >= p_now - kronos.grace()
                        and not kronos.has_just_failed(pointer, p_now)
                      order by pointer.next_tick_at
                      limit 1), false);
end
$$;
