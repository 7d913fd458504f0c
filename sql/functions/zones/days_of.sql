-- days_of: the local days of a zone that [p_from, p_to] touches: when each begins and ends, and whether the
-- zone's clocks do not change from a day before to a day after it. If midnight occurs twice, the day begins
-- with the second one, and the time in between belongs to the day before. So no two days share an instant.
create or replace function kronos.days_of(p_zone text, p_from timestamptz, p_to timestamptz)
returns table (day timestamp, begins timestamptz, ends timestamptz, is_calm boolean)
language sql stable rows 8 set search_path = pg_catalog, pg_temp
as $$
    select each.day, bounds.begins, bounds.ends,
           bounds.ends - bounds.begins = interval '24 hours'
           and (bounds.ends + interval '24 hours') at time zone p_zone = each.day + interval '2 days'
           and (bounds.begins - interval '24 hours') at time zone p_zone = each.day - interval '1 day'
      from generate_series(date_trunc('day', p_from at time zone p_zone) - interval '1 day',
                           p_to at time zone p_zone, interval '1 day') as each (day)
     cross join lateral (select each.day at time zone p_zone as begins,
                                (each.day + interval '1 day') at time zone p_zone as ends) as bounds
     where bounds.begins <= p_to and bounds.ends > p_from
$$;
