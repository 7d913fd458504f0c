-- pointer_of: a live CRON job's pointer, read from the end of its entries: dead versions, which an old
-- snapshot keeps, lie before the living one. So it costs the same however often the job has ticked.
-- Inlined, as the caller, so row level security confines it.
-- Returns: no row for a one-shot, a job that is over, and one that was written without its pointer.
create or replace function kronos.pointer_of(p_job_id uuid) returns setof kronos.pointers
language sql stable rows 1
as $$
    select pointer.*
      from kronos.pointers as pointer
     where pointer.job_id = p_job_id
     order by pointer.next_tick_at desc
     limit 1
$$;
