-- count_ledger: compares the given ticks of a version of a job, ascending, with the rows of [p_from, p_until)
-- that account for them.
-- Returns: one row, as in check_ledger. surplus: ticks with two rows, and ticks that a row counts beyond
-- those it was found to stand for. Runs as the caller: row level security applies.
create or replace function kronos.count_ledger(p_job kronos.jobs, p_ticks timestamptz[], p_from timestamptz,
                                               p_until timestamptz)
returns table (expected integer, delivered integer, missed integer, skipped integer, unaccounted integer,
               surplus integer, first_unaccounted timestamptz, first_surplus timestamptz)
language plpgsql stable rows 1 set search_path = pg_catalog, pg_temp set jit = off
as $$
begin
    return query
    with tick as materialized (
        select each.at, each.nth from unnest(p_ticks) with ordinality as each (at, nth)
    ), told as materialized (
        select row.first_tick_at, row.last_tick_at, row.tick_count, row.disposition,
               -- for a row that extends beyond the window, the part within
               case when row.first_tick_at < p_from then 1 else first.nth end as from_nth,
               case when row.tick_count = 1 then first.nth
                    when row.last_tick_at >= p_until then cardinality(p_ticks)
                    when row.first_tick_at < p_from then last.nth
                    else least(first.nth + row.tick_count - 1, last.nth, cardinality(p_ticks))
               end as to_nth
          from kronos.ledger_rows(p_job, p_from, p_until) as row
          left join tick as first on first.at = row.first_tick_at
          left join tick as last on last.at = row.last_tick_at and row.tick_count > 1
    ), covered as (
        select covers.nth, count(*) as times, min(covers.disposition) as disposition
          from (select from_nth as nth, disposition from told where from_nth = to_nth
                union all
                select generate_series(from_nth, to_nth), disposition
                  from told
                 where from_nth < to_nth) as covers
         group by covers.nth
    ), by_tick as (
        select count(*) as expected,
               count(*) filter (where covered.disposition = 'delivered') as delivered,
               count(*) filter (where covered.disposition = 'missed') as missed,
               count(*) filter (where covered.disposition = 'skipped') as skipped,
               count(*) filter (where covered.nth is null) as unaccounted,
               min(tick.at) filter (where covered.nth is null) as first_unaccounted,
               coalesce(sum(covered.times - 1), 0) as twice,
               min(tick.at) filter (where covered.times > 1) as first_twice
          from tick
          left join covered using (nth)
    ), by_row as (
        -- ticks that a row counts beyond those it was found to stand for; unknown if the window cuts the row
        select sum(claims.beyond) as unexplained,
               min(claims.first_tick_at) filter (where claims.beyond > 0) as first_unexplained
          from (select told.first_tick_at,
                       case when told.from_nth is null or told.to_nth is null then told.tick_count
                            when told.first_tick_at < p_from or told.last_tick_at >= p_until then 0
                            else told.tick_count - (told.to_nth - told.from_nth + 1)
                       end as beyond
                  from told) as claims
    )
    select by_tick.expected::integer, by_tick.delivered::integer, by_tick.missed::integer,
           by_tick.skipped::integer, by_tick.unaccounted::integer,
           (by_tick.twice + coalesce(by_row.unexplained, 0))::integer, by_tick.first_unaccounted,
           least(by_tick.first_twice, by_row.first_unexplained)
      from by_tick, by_row;
end
$$;
