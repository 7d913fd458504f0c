-- ticks_listed: the ticks of [p_from, p_to) that a version of a job answers for, those to come among them:
-- while it is live, those of its schedule from its pointer on, as many as its max_runs leaves.
-- Returns: ascending; at most p_limit. None where the schedule is malformed: reading a job never fails for
-- its sake.
create or replace function kronos.ticks_listed(p_job kronos.jobs, p_from timestamptz, p_to timestamptz,
                                               p_limit integer)
returns setof timestamptz
language plpgsql stable rows 100 set search_path = pg_catalog, pg_temp
as $$
declare
    c_most_runs constant integer     := 10000;      -- as many runs to come are counted
    v_next      constant timestamptz :=
        (select nullif(pointer.next_tick_at, 'infinity')
           from kronos.pointer_of(p_job.job_id) as pointer);
    v_runs_left constant integer     :=
        p_job.max_runs - (select pointer.runs from kronos.pointer_of(p_job.job_id) as pointer);
    v_until     timestamptz          := least(p_to, p_job.ends_at);
    v_ticks     timestamptz[];
begin
    v_ticks := array(select at from kronos.expected_ticks(p_job, p_from, p_to, p_limit) as at);
    if p_job.status in ('ACTIVE', 'PAUSED') and v_next < v_until and cardinality(v_ticks) < p_limit then
        if v_runs_left < c_most_runs then
            v_until := least(v_until,
                             (select max(at) + interval '1 microsecond'
                                from kronos.next_ticks(p_job.schedule, v_next - interval '1 microsecond',
                                                       greatest(v_runs_left, 0)) as at));
        end if;
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
