-- last_tick_left: the last tick for which max_runs leaves a live job a run, skipping ticks that skip_next,
-- its pause or its calendars take away (next_counted). Counts up to 10,000 ticks.
-- Returns: null if max_runs does not limit the job, if the tick is further ahead than that, or if no
-- resumption is set; -infinity if no run is left.
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
