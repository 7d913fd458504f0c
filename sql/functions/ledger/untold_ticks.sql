-- untold_ticks: the ticks of a job from p_first up to and including p_last that have no row yet, as runs that
-- no row of the ledger interrupts. Thus, if a pointer was set back by hand, a row for several ticks counts
-- none that already has a row. Called when a tick to be recorded is not later than the last one delivered.
create or replace function kronos.untold_ticks(p_job kronos.jobs, p_first timestamptz, p_last timestamptz)
returns table (first_tick_at timestamptz, last_tick_at timestamptz, tick_count bigint)
language plpgsql stable rows 2 set search_path = pg_catalog, pg_temp
as $$
declare
    v_at    timestamptz := kronos.next_tick(p_job.schedule, p_first - interval '1 microsecond');
    v_told  record;
begin
    for v_told in
        select row.first_tick_at as first, coalesce(row.last_tick_at, row.first_tick_at) as last
          from kronos.ledger_rows(p_job, p_first, p_last + interval '1 microsecond') as row
         order by row.first_tick_at
    loop
        return query
            select v_at, counted.last_tick, counted.ticks
              from kronos.count_ticks(p_job.schedule, v_at,
                                      v_told.first - interval '1 microsecond') as counted
             where counted.ticks > 0;
        v_at := greatest(v_at, kronos.next_tick(p_job.schedule, v_told.last));
    end loop;
    return query
        select v_at, counted.last_tick, counted.ticks
          from kronos.count_ticks(p_job.schedule, v_at, p_last) as counted
         where counted.ticks > 0;
end
$$;
