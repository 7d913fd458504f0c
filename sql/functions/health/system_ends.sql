-- system_ends: the outcome of up to p_most of the executions that ended within p_window before now, and how
-- long their ticks took. Uses the summary index of ends (execution_done_ended), in the partitions of the last
-- week. Earlier ends are not read, however many there are, and executions scheduled more than a week earlier
-- are not found.
-- Returns: one row. became: how many ticks ended in each status. lags, for scheduled executions, in seconds:
-- recorded, from the tick's instant to its row; claimed, from there (or from its run_at, if that is later) to
-- its first claim; answered, from there to its end. Of the first 2,000, half are within the first number, 99
-- of 100 within the second, all within the third; nulls if there are none. is_cut: there were more than
-- p_most.
create or replace function kronos.system_ends(p_window interval, p_most integer, out became jsonb,
                                              out lags jsonb, out is_cut boolean)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    -- Read once: an index cannot be used with a bound that changes during the scan.
    c_from   constant timestamptz        := kronos.now() - p_window;
    c_first  constant uuid               := kronos.uuid7_floor(c_from - interval '168 hours');
    c_lags   constant integer            := 2000;
    c_shares constant double precision[] := array[0.5::double precision, 0.99::double precision,
                                                      1::double precision];
begin
    with ended as materialized (
        select done.status, done.cause, done.tick_count, done.scheduled_at, done.run_at, done.created_at,
               done.started_at, done.completed_at
          from kronos.execution_done as done
         where done.completed_at > c_from
           and done.execution_id >= c_first
           and isfinite(done.scheduled_at)
         limit p_most
    ), lag as materialized (
        select ended.created_at - ended.scheduled_at as recorded,
               ended.started_at - greatest(ended.created_at, ended.run_at) as claimed,
               ended.completed_at - ended.started_at as answered
          from ended
         where ended.cause = 'SCHEDULE' and ended.status in ('SUCCESS', 'FAILED')
         limit c_lags
    )
    select (select coalesce(jsonb_object_agg(lower(by.status), by.ticks), '{}')
              from (select ended.status, sum(ended.tick_count) as ticks
                      from ended
                     group by ended.status) as by),
           (select count(*) = p_most from ended),
           (select jsonb_object_agg(share.stage,
                                    (select jsonb_agg(extract(epoch from each.took) order by each.nth)
                                       from unnest(share.took) with ordinality as each (took, nth)))
              from (select stage.name as stage,
                           percentile_disc(c_shares) within group (order by stage.took) as took
                      from lag
                     cross join lateral (values ('recorded', lag.recorded), ('claimed', lag.claimed),
                                                ('answered', lag.answered)) as stage (name, took)
                     group by stage.name) as share)
      into became, is_cut, lags;
    lags := coalesce(lags, '{}');
end
$$;
