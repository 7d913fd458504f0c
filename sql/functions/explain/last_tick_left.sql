-- last_tick_left: the last tick of a live job that its max_runs leaves a run for, those passed over that are
-- to be skipped or fall into its pause, or that calendars close (next_counted). Up to 10,000 are counted.
-- Returns: null where max_runs does not bound the job, or further ahead than that, or nobody knows when it is
-- resumed; -infinity where no run is left.
create or replace function kronos.last_tick_left(p_job kronos.jobs, p_pointer kronos.pointers)
returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_most  constant integer := 10000;
    v_left  constant bigint  := case when p_job.max_runs > p_pointer.runs
                                     then p_job.max_runs::bigint - p_pointer.runs
                                     when p_job.max_runs is not null then 0 end;
    v_count constant bigint  := v_left + p_job.skip_next;
begin
    if v_left = 0 then
        return timestamptz '-infinity';
    elsif v_count is null or v_count > c_most or p_pointer.next_tick_at = 'infinity'
    or (p_job.status = 'PAUSED' and p_job.resume_at is null) then
        return null;
    end if;
    return (select case when count(*) = v_count then max(at) end
              from kronos.next_counted(p_job, coalesce(p_pointer.tick_at, p_pointer.next_tick_at),
                                       v_count::integer) as at);
exception when data_exception then
    return null;
end
$$;
