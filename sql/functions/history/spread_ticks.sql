-- spread_ticks: spreads a row that stands for p_ticks ticks from p_first to p_last: an equal share for each
-- tick or, if they are less than a minute apart, for each minute; only those from p_from on.
create or replace function kronos.spread_ticks(p_first timestamptz, p_last timestamptz, p_ticks integer,
                                               p_from timestamptz)
returns table (at timestamptz, ticks numeric)
language sql stable rows 60 set search_path = pg_catalog, pg_temp
as $$
    select p_first + share.nth * each.step, p_ticks::numeric / counted.shares
      from (select least(p_ticks, floor(extract(epoch from p_last - p_first) / 60) + 1)::integer
                       as shares) as counted
     cross join lateral (select (p_last - p_first) / greatest(counted.shares - 1, 1) as step) as each
     cross join lateral generate_series(
                    case when p_first >= p_from or each.step <= interval '0' then 0
                         else ceil(extract(epoch from p_from - p_first)
                                   / extract(epoch from each.step))::integer end,
                    counted.shares - 1) as share (nth)
     where p_last >= p_first
$$;
