-- outcomes_made: the outcomes of a workspace's ticks whose executions were created in [p_from, p_to), by the
-- minute of the tick: the first p_most for each p_span of creation and each status. Rows that stand for many
-- ticks are spread over their minutes (spread_ticks).
-- Returns: a minute and disposition may occur several times. late: delivered, but begun more than the grace
-- after its time; is_full: there were p_most of them. Runs as the caller: row level security applies.
create or replace function kronos.outcomes_made(p_workspace_id uuid, p_from timestamptz, p_to timestamptz,
                                                p_span interval, p_most integer)
returns table (at timestamptz, disposition text, ticks numeric, is_full boolean)
language plpgsql stable rows 100 security invoker set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set plan_cache_mode = force_custom_plan set enable_seqscan = off
set enable_bitmapscan = off set enable_sort = off set jit = off
as $$
declare
    c_statuses constant text[] := array['SUCCESS', 'FAILED', 'CANCELLED', 'SKIPPED', 'MISSED', 'EXPIRED'];
    v_first_id constant uuid   := kronos.uuid7_floor(p_from - interval '168 hours');
    v_end_id   constant uuid   := kronos.uuid7_floor(p_to + interval '1 hour');
begin
    return query
    with made as materialized (
        -- until is computed here: an index cannot be used with a bound computed next to a row's policy
        select each.at, each.at + p_span as until, wanted.status
          from generate_series(p_from, p_to - interval '1 minute', p_span) as each (at)
         cross join unnest(c_statuses) as wanted (status)
    )
    select counted.at, case when counted.began_late       then 'late'
                            when made.status = 'SUCCESS' then 'delivered'
                            else lower(made.status) end, counted.ticks::numeric, counted.is_full
      from made
     cross join lateral (select date_trunc('minute', row.scheduled_at) as at, row.began_late,
                                sum(row.tick_count) filter (where row.tick_count = 1) as ticks,
                                sum(count(*)) over () >= p_most as is_full
                           from (select done.scheduled_at, done.tick_count,
                                        done.status = 'SUCCESS'
                                        and done.started_at > case when done.cause = 'CATCH_UP'
                                                                   then done.scheduled_at
                                                                   else done.run_at end
                                                              + kronos.grace() as began_late
                                   from kronos.execution_done as done
                                  where done.workspace_id = p_workspace_id and done.status = made.status
                                    and done.created_at >= made.at and done.created_at < made.until
                                    and done.execution_id >= v_first_id and done.execution_id < v_end_id
                                  limit p_most) as row
                          group by 1, 2) as counted;
    return query
        select spread.at, lower(many.status), spread.ticks, false
          from (select done.status, done.scheduled_at, done.tick_count,
                       kronos.time_of(done.status_reason ->> 'last') as last_at
                  from kronos.execution_done as done
                 where done.workspace_id = p_workspace_id and done.status in ('MISSED', 'SKIPPED')
                   and done.created_at >= p_from and done.created_at < p_to
                   and done.execution_id >= v_first_id and done.execution_id < v_end_id
                   and done.tick_count > 1
                 limit p_most) as many
         cross join lateral kronos.spread_ticks(many.scheduled_at, many.last_at, many.tick_count,
                                                p_from) as spread;
end
$$;
