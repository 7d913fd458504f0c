-- zones_in_use: the time zones of the live CRON jobs, one look into jobs_by_zone each, however many jobs they have.
-- Called by: refresh_zones; queries/doctor.sql, queries/system.sql.   Returns: ascending. Row level security confines it.
create or replace function kronos.zones_in_use() returns setof text
language sql stable set search_path = pg_catalog, pg_temp
as $$
    with recursive used (timezone) as (
        (select job.timezone
           from kronos.jobs as job
          where job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')
          order by job.timezone
          limit 1)
        union all
        select (select job.timezone
                  from kronos.jobs as job
                 where job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')
                   and job.timezone > used.timezone
                 order by job.timezone
                 limit 1)
          from used
         where used.timezone is not null
    )
    select used.timezone from used where used.timezone is not null
$$;
