-- ticks_listed: the ticks in [p_from, p_to) that a version of a job answers for, including future ones: for a
-- live version, those of its schedule from its pointer on, up to last_tick_left.
-- Returns: ascending; at most p_limit. None if the schedule is malformed: reading a job never fails because
-- of it.
create or replace function kronos.ticks_listed(p_job kronos.jobs, p_from timestamptz, p_to timestamptz,
                                               p_limit integer)
returns setof timestamptz
language plpgsql stable rows 100 set search_path = pg_catalog, pg_temp
as $$
declare
    v_pointer   constant kronos.pointers := kronos.pointer_of(p_job.job_id);
    v_next      constant timestamptz := nullif(coalesce(v_pointer.tick_at, v_pointer.next_tick_at),
                                                 'infinity');
    v_until     timestamptz          := least(p_to, p_job.ends_at);
    v_ticks     timestamptz[];
begin
    v_ticks := array(select at from kronos.expected_ticks(p_job, p_from, p_to, p_limit) as at);
    if p_job.status in ('ACTIVE', 'PAUSED') and v_next < v_until and cardinality(v_ticks) < p_limit then
        v_until := least(v_until, kronos.last_tick_left(p_job, v_pointer) + interval '1 microsecond');
        v_ticks := v_ticks || array(
            select at
              from kronos.ticks_within(p_job.schedule,
                                       greatest(v_next, p_from, kronos.finite(p_job.starts_at)), v_until,
                                       p_limit - cardinality(v_ticks)) as at);
    end if;
    return query select unnest(v_ticks);
exception when data_exception then
    return;
end
$$;
