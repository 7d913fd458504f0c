-- check_ledger: whether each tick of a version of a job within [p_from, p_to) has exactly one row that says what became of it. The ticks that the
-- schedule gives (expected_ticks) against the rows there are (ledger_rows); a row of n ticks stands for n consecutive ones.
-- Row level security confines it.
-- Returns: no row where there is no such CRON job. expected = delivered + missed + skipped + unaccounted, in ticks. delivered: became an execution,
-- whatever its end. unaccounted: no row; surplus: rows, or ticks counted by them, that no tick explains, or that tell of one a second time.
-- overdue: ticks that are due and wait for somebody to account for them (up to 10,000). At most 100,000 ticks a call: is_truncated, and checked_until
-- is where the next call goes on. retained_from: the window began before the workspace's history is whole, and was looked at from there:
-- nobody can say what became of the ticks before, so none of them is expected. error: the schedule is malformed, so nobody can say which ticks it has.
-- 24 h of * * * * *: 6 to 8 ms of CPU time, whatever the zone.
create or replace function kronos.check_ledger(p_job_id uuid, p_from timestamptz, p_to timestamptz)
returns table (expected integer, delivered integer, missed integer, skipped integer, unaccounted integer, surplus integer,
               first_unaccounted timestamptz, first_surplus timestamptz, overdue integer, checked_until timestamptz, is_truncated boolean,
               retained_from timestamptz, error jsonb)
language plpgsql stable rows 1 set search_path = pg_catalog, pg_temp set jit = off
as $$
declare
    c_at_most constant integer := 100000;
    v_job     kronos.jobs;
    v_ticks   timestamptz[];
    v_from    timestamptz;
begin
    select * into v_job from kronos.jobs as job where job.job_id = p_job_id and job.trigger = 'CRON';
    if not found then
        return;
    end if;
    v_from := least(greatest(p_from, kronos.retained_from(v_job.workspace_id)), p_to);
    retained_from := nullif(v_from, p_from);
    v_from := greatest(v_from, kronos.finite(v_job.ticks_from) + interval '1 microsecond');      -- what comes before is another version's, or was made by other rules of its zone
    begin
        v_ticks := array(select tick from kronos.expected_ticks(v_job, v_from, p_to, c_at_most + 1) as tick);
        overdue := kronos.overdue_ticks(v_job);
    exception when data_exception then
        error := jsonb_build_object('sqlstate', sqlstate, 'message', sqlerrm);
    end;
    is_truncated := coalesce(cardinality(v_ticks), 0) > c_at_most;
    checked_until := case when is_truncated then v_ticks[c_at_most + 1] else p_to end;
    v_ticks := coalesce(v_ticks[:c_at_most], '{}');
    with tick as materialized (
        select each.at, each.nth from unnest(v_ticks) with ordinality as each (at, nth)
    ), told as materialized (
        select row.first_tick_at, row.last_tick_at, row.tick_count, row.disposition,
               -- of a row that began before the window, or reaches beyond it, the part within
               case when row.first_tick_at < v_from then 1 else first.nth end as from_nth,
               case when row.tick_count = 1 then first.nth
                    when row.last_tick_at >= checked_until then cardinality(v_ticks)
                    when row.first_tick_at < v_from then last.nth
                    else least(first.nth + row.tick_count - 1, last.nth, cardinality(v_ticks))
               end as to_nth
          from kronos.ledger_rows(v_job, v_from, checked_until) as row
          left join tick as first on first.at = row.first_tick_at
          left join tick as last on last.at = row.last_tick_at and row.tick_count > 1
    ), covered as (
        select covers.nth, count(*) as times, min(covers.disposition) as disposition
          from (select from_nth as nth, disposition from told where from_nth = to_nth
                union all
                select generate_series(from_nth, to_nth), disposition from told where from_nth < to_nth) as covers
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
        -- ticks that a row claims beyond those it was found to stand for; where it is cut by the window, nobody can tell
        select sum(claims.beyond) as unexplained, min(claims.first_tick_at) filter (where claims.beyond > 0) as first_unexplained
          from (select told.first_tick_at,
                       case when told.from_nth is null or told.to_nth is null then told.tick_count
                            when told.first_tick_at < v_from or told.last_tick_at >= checked_until then 0
                            else told.tick_count - (told.to_nth - told.from_nth + 1)
                       end as beyond
                  from told) as claims
    )
    select by_tick.expected, by_tick.delivered, by_tick.missed, by_tick.skipped, by_tick.unaccounted,
           by_tick.twice + coalesce(by_row.unexplained, 0), by_tick.first_unaccounted, least(by_tick.first_twice, by_row.first_unexplained)
      into check_ledger.expected, check_ledger.delivered, check_ledger.missed, check_ledger.skipped, check_ledger.unaccounted,
           check_ledger.surplus, check_ledger.first_unaccounted, check_ledger.first_surplus
      from by_tick, by_row;
    if error is not null then
        unaccounted := null;
        surplus := null;
        first_surplus := null;
    end if;
    return next;
end
$$;
