-- is_any_due: whether a ring of the job has anything to do: its own tick is due, or another job's is and is
-- on time, and is not left alone for having just failed. Other jobs that are internal wait for alarms of
-- their own; what is older than the grace is found by its own alarm, by any ring for something that is
-- due, and by catch-up each minute.
-- The lower bound is what keeps a thousand alarms a minute cheap while another session reads in an old
-- snapshot (a dump, a report): each tick leaves an entry in pointers_due that no vacuum may remove, and
-- without the bound each alarm read all of them, 8,900 buffers after 100 minutes of 1,000 jobs. p_job_id is
-- null where the caller has no job of its own. plpgsql, so that the second question is planned only where the
-- first is answered with no.
create or replace function kronos.is_any_due(p_job_id uuid, p_now timestamptz) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from kronos.pointer_of(p_job_id) as own
                where not own.is_paused and own.next_tick_at <= p_now) then
        return true;
    end if;
    -- In the index's order, and with no join: what the planner knows of next_tick_at is a minute old when all
    -- of a minute's jobs have just been moved, and it read all of them through another index, to find "the
    -- first of many", 85,000 buffers.
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
