-- zones_read: the zones in use as PostgreSQL reads them in this session: their UTC offsets at the instants
-- that the reaper recorded.
create or replace function kronos.zones_read()
returns table (timezone text, probes timestamptz[], distances integer[])
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select zone.timezone, zone.probes, kronos.zone_distances(zone.timezone, zone.probes)
      from kronos.zones_in_use() as used (timezone)
      join kronos.zones as zone using (timezone)
     order by zone.timezone
$$;
