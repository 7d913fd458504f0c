-- tick_days: the outcome of the ticks in [p_from, p_to) of a version of a job, counted by local day in
-- p_zone. For each day, the ticks by the status, reason code and cause of their execution (tick_rows). Ticks
-- without an execution have the status OVERDUE, UNKNOWN (older than the history that is kept whole) or
-- UNACCOUNTED, and null code and cause. Covers ticks up to now, at most 45,000 per call, which is a month of
-- one per minute. Row level security applies.
-- Returns: rows in no order.
-- With a plan kept for any array, or one that scans one list for each row of the other, a month of ticks
-- takes a minute.
create or replace function kronos.tick_days(p_job kronos.jobs, p_from timestamptz, p_to timestamptz,
                                            p_zone text)
returns table (day text, status text, code text, cause text, ticks bigint, first_tick timestamptz)
language plpgsql stable rows 100 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_nestloop = off set jit = off
as $$
declare
    c_most     constant integer       := 45000;
    v_ticks    constant timestamptz[] :=
        array(select at
                from kronos.ticks_listed(p_job, p_from,
                                         least(p_to, kronos.now() + interval '1 microsecond'),
                                         c_most) as at);
    v_next     constant timestamptz   :=
        (select nullif(coalesce(pointer.tick_at, pointer.next_tick_at), 'infinity')
           from kronos.pointer_of(p_job.job_id) as pointer);
    v_retained constant timestamptz   := kronos.retained_from(p_job.workspace_id);
begin
    if v_ticks = '{}' then
        return;
    end if;
    return query
        with each as materialized (
            select listed.at, listed.nth
              from unnest(v_ticks) with ordinality as listed (at, nth)
        ), row as materialized (
            select * from kronos.tick_rows(p_job, v_ticks[1], v_ticks[cardinality(v_ticks)])
        ), covered as materialized (
            select generate_series(first.nth, first.nth + row.tick_count - 1) as nth, row.status, row.code,
                   row.cause
              from row
              join each as first on first.at = row.first_at
             where row.last_at is null
            union all
            select generate_series(1, (select count(*) from each where each.at <= row.last_at)), row.status,
                   row.code, row.cause
              from row
             where row.last_at is not null
        )
        select to_char(each.at at time zone p_zone, 'YYYY-MM-DD'),
               case when covered.nth is not null then covered.status
                    when each.at >= v_next then 'OVERDUE'
                    when each.at < v_retained then 'UNKNOWN'
                                                   else 'UNACCOUNTED'
               end, covered.code, covered.cause, count(*), min(each.at)
          from each
          left join covered using (nth)
         group by 1, 2, 3, 4;
end
$$;
