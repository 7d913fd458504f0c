-- is_utc_zone: whether a zone's name is one of the aliases of UTC. So are null and '', because pg_cron's
-- default is GMT.
create or replace function kronos.is_utc_zone(p_zone text) returns boolean
language sql immutable parallel safe
return coalesce(lower(p_zone collate "C"), '') in (
    '', 'z', 'utc', 'gmt', 'uct', 'zulu', 'universal', 'greenwich', 'gmt0', 'gmt+0', 'gmt-0',
    'etc/utc', 'etc/gmt', 'etc/uct', 'etc/zulu', 'etc/universal', 'etc/greenwich', 'etc/gmt0', 'etc/gmt+0',
    'etc/gmt-0'
);
