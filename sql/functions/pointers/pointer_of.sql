-- pointer_of: a live CRON job's pointer, read from the end of its index entries: dead row versions, which an
-- old snapshot keeps, precede the live one. So the cost does not depend on how often the job has ticked.
-- Inlined, with the caller's rights, so row level security confines it.
-- Returns: no row for a one-shot, for a job that is over, and for one that was written without its pointer.
create or replace function kronos.pointer_of(p_job_id uuid) returns setof kronos.pointers
language sql stable rows 1
as $$
    select pointer.*
      from kronos.pointers as pointer
     where pointer.job_id = p_job_id
     order by pointer.next_tick_at desc
     limit 1
$$;
