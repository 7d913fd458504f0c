-- expected_ticks: the ticks of [p_from, p_to) that a version of a job answers for: those of its schedule after ticks_from; while it is live before its
-- pointer, once it is over up to ticks_until; and within starts_at and ends_at. A live job without a pointer has none to come: up to ends_at.
-- Called by: check_ledger.   Returns: ascending; at most p_limit.   Raises: 22xxx where the schedule is malformed.
create or replace function kronos.expected_ticks(p_job kronos.jobs, p_from timestamptz, p_to timestamptz, p_limit integer) returns setof timestamptz
language plpgsql stable rows 1500 set search_path = pg_catalog, pg_temp
as $$
declare
    v_tick  timestamptz := greatest(p_job.ticks_from, p_from - interval '1 microsecond', p_job.starts_at - interval '1 microsecond');
    v_until timestamptz := least(p_to, p_job.ends_at,
                                 case when p_job.status in ('ACTIVE', 'PAUSED') then p_job.next_tick_at
                                      else p_job.ticks_until + interval '1 microsecond'
                                 end);
begin
    for i in 1 .. p_limit loop
        v_tick := kronos.next_tick(p_job.schedule, v_tick);
        exit when v_tick >= v_until or v_tick is null;
        return next v_tick;
    end loop;
end
$$;
