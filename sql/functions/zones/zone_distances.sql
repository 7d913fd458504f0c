-- zone_distances: a zone's UTC offset at each of some instants, in seconds, from PostgreSQL's time zone data
-- as this session has read it. 105 instants: 0.1 ms.
create or replace function kronos.zone_distances(p_timezone text, p_at timestamptz[]) returns integer[]
language sql stable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
    select array(select extract(epoch from probe.at at time zone p_timezone
                                - probe.at at time zone 'UTC')::integer
                   from unnest(p_at) with ordinality as probe (at, nth)
                  order by probe.nth)
$$;
