-- coming_rolls: the part of the future load (coming_hours) that calendars move from one day to another: runs
-- at their new time, and, as negative numbers at their own time, the runs that wait (moved_hours). The days
-- with such ticks are computed once for all schedules with the same days (rolling_days); near a clock change,
-- and for intervals, for each schedule. Each tick of these days is computed: at most 10,000, from the
-- schedules with the most jobs first.
-- Returns: as tick_hours, with the runs in each; in the row without an hour, left_out: how many jobs were not
-- evaluated.
create or replace function kronos.coming_rolls(p_workspace_id uuid, p_from timestamptz, p_to timestamptz,
                                               p_schedules integer)
returns table (hour timestamptz, minutes bigint, runs bigint, left_out bigint)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set jit = off
as $$
declare
    c_most constant integer := 10000;
begin
    return query
    with term as materialized (
        select each.*, row_number() over (order by each.jobs desc, each.cron, each.every) as place,
               (each.schedule).timezone as zone,
               60 / least(coalesce(each.seconds, 60), 60) as times,
               case when each.seconds is not null then 86400 / greatest(each.seconds, 60) + 1
                    when (each.schedule).anchor_local is not null then 1
                    else bit_count((each.schedule).minutes::bit(64))
                         * bit_count((each.schedule).hours::bit(32)) end as ticks_a_day
          from kronos.asked_terms(p_workspace_id, p_from, p_to, p_schedules) as each
         where each.is_asked and each.on_blackout <> 'SKIP'
    ), calm as materialized (
        select zone.name, not exists (select from kronos.zone_changes(zone.name, p_from - interval '3 days',
                                                                      p_to + interval '3 days')) as is_calm
          from (select distinct term.zone from term) as zone (name)
    ), pattern as materialized (
        select term.*, case when calm.is_calm and term.seconds is null
                             and (term.schedule).anchor_local is null
                            then kronos.at_midnight(term.schedule) else term.schedule end as days_of
          from term
          join calm on calm.name = term.zone
    ), day as materialized (
        select alike.*, kronos.rolling_days(alike.days_of,
                                            case alike.on_blackout when 'NEXT' then 1 else -1 end,
                                            alike.starts_at, alike.ends_at, p_from, p_to) as days
          from (select distinct pattern.days_of, pattern.on_blackout, pattern.starts_at, pattern.ends_at
                  from pattern) as alike
    ), rolling as materialized (
        select pattern.*, day.days,
               sum(pattern.ticks_a_day * cardinality(day.days)) over (order by pattern.place) <= c_most
                   as is_within
          from pattern
          join day on day.days_of = pattern.days_of and day.on_blackout = pattern.on_blackout
                  and day.starts_at is not distinct from pattern.starts_at
                  and day.ends_at is not distinct from pattern.ends_at
         where day.days <> '{}'
    )
    select each.hour, each.minutes, each.jobs * rolling.times, null::bigint
      from rolling
     cross join lateral kronos.moved_hours(rolling.workspace_id, rolling.calendars, rolling.on_blackout,
                                           rolling.schedule, rolling.starts_at, rolling.ends_at,
                                           rolling.days, rolling.waits_from, rolling.from_at, p_to) as each
     where rolling.is_within
     union all
    select null, null, null, coalesce(sum(rolling.jobs) filter (where not rolling.is_within), 0)::bigint
      from rolling;
end
$$;
