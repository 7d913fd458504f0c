-- open_times_each: the times in [p_from, p_to) that each of these calendars leaves open: closed_by for all
-- instants and calendars in one call. Each calendar is read once, in stretches between the clock changes of
-- its zone.
-- Returns: one row per calendar that there is.
create or replace function kronos.open_times_each(p_workspace_id uuid, p_calendars text[], p_from timestamptz,
                                                  p_to timestamptz)
returns table (name text, times tstzmultirange)
language plpgsql stable rows 100 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set jit = off
as $$
#variable_conflict use_column
begin
    return query
    with calendar as materialized (      -- only its days nearby, read once
        select each.name, each.timezone, each.closed_week, each.froms[near.first:near.last] as froms,
               each.tos[near.first:near.last] as tos, each.are_open[near.first:near.last] as are_open,
               array[p_from] || array(select change.at
                                        from kronos.zone_changes(each.timezone, p_from, p_to) as change)
                             || p_to as edges
          from kronos.calendars as each
         cross join lateral (
               select greatest(1, width_bucket(p_from at time zone each.timezone - interval '2 days',
                                               each.froms)) as first,
                      width_bucket(p_to at time zone each.timezone + interval '2 days',
                                   each.froms) as last) as near
         where each.workspace_id = p_workspace_id and each.name = any (p_calendars)
    ), stretch as materialized (
        select calendar.*, calendar.edges[nth] as begins, calendar.edges[nth + 1] as ends,
               calendar.edges[nth] at time zone calendar.timezone as local_begins,
               calendar.edges[nth] at time zone calendar.timezone
               - calendar.edges[nth] at time zone 'UTC' as distance
          from calendar
         cross join generate_series(1, cardinality(calendar.edges) - 1) as nth
    ), named as materialized (
        select stretch.*, week.closed as closed_weeks, day.opened, day.closed
          from stretch
         cross join lateral (
               select coalesce(range_agg(tsrange(each.monday + make_interval(mins => lower(part)),
                                                 each.monday + make_interval(mins => upper(part)))),
                               '{}') as closed
                 from generate_series(date_trunc('week', stretch.local_begins),
                                      stretch.local_begins + (stretch.ends - stretch.begins),
                                      interval '7 days') as each (monday)
                cross join unnest(stretch.closed_week) as part) as week
         cross join lateral (
               select coalesce(range_agg(tsrange(span.begins, span.ends)) filter (where span.is_open),
                               '{}') as opened,
                      coalesce(range_agg(tsrange(span.begins, span.ends)) filter (where not span.is_open),
                               '{}') as closed
                 from unnest(stretch.froms, stretch.tos, stretch.are_open)
                          as span (begins, ends, is_open)
                where span.begins < stretch.local_begins + (stretch.ends - stretch.begins)
                  and span.ends > stretch.local_begins) as day
    )
    select calendar.name, tstzmultirange(tstzrange(p_from, p_to)) - coalesce(closing.times, '{}')
      from (select distinct calendar.name from calendar) as calendar
      left join (select named.name, range_agg(tstzrange((lower(span) - named.distance) at time zone 'UTC',
                                                        (upper(span) - named.distance) at time zone 'UTC')
                                              * tstzrange(named.begins, named.ends)) as times
                   from named
                  cross join unnest(named.closed_weeks - named.opened + named.closed) as span
                  group by named.name) as closing using (name);
end
$$;
