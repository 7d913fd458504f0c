-- overdue_ticks: how many ticks of a job are due and not yet accounted for: those from its pointer up to now,
-- unless the job or its workspace is halted.
-- Returns: at most 10,000.
-- Raises: 22xxx if the schedule is malformed.
create or replace function kronos.overdue_ticks(p_job kronos.jobs) returns integer
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_now   timestamptz := kronos.clock();
    v_due   timestamptz := (select pointer.next_tick_at from kronos.pointer_of(p_job.job_id) as pointer);
    v_tick  timestamptz := (select coalesce(pointer.tick_at, pointer.next_tick_at)
                              from kronos.pointer_of(p_job.job_id) as pointer);
    v_count integer := 0;
begin
    if p_job.status <> 'ACTIVE'
    or v_tick is null
    or v_due > v_now
    or kronos.why_halted(p_job) is not null then
        return 0;
    end if;
    while v_tick <= v_now and (p_job.ends_at is null or v_tick < p_job.ends_at) and v_count < 10000 loop
        v_count := v_count + 1;
        v_tick := kronos.next_tick(p_job.schedule, v_tick);
    end loop;
    return v_count;
end
$$;
