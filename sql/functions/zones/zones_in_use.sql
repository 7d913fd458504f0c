-- zones_in_use: the time zones of the live CRON jobs, of the one-shots at a local time, of the heartbeats
-- that have a schedule and of the calendars. One lookup per zone in jobs_by_zone and in jobs_local_one_shots,
-- however many jobs they have.
-- Returns: ascending. Row level security confines it.
create or replace function kronos.zones_in_use() returns setof text
language sql stable set search_path = pg_catalog, pg_temp
as $$
    with recursive of_cron_jobs (timezone) as (
        (select job.timezone
           from kronos.jobs as job
          where job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')
          order by job.timezone
          limit 1)
        union all
        select (select job.timezone
                  from kronos.jobs as job
                 where job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')
                   and job.timezone > of_cron_jobs.timezone
                 order by job.timezone
                 limit 1)
          from of_cron_jobs
         where of_cron_jobs.timezone is not null
    ), of_one_shots (timezone) as (
        (select job.timezone
           from kronos.jobs as job
          where job.run_at_local is not null and job.status = 'ACTIVE'
          order by job.timezone
          limit 1)
        union all
        select (select job.timezone
                  from kronos.jobs as job
                 where job.run_at_local is not null and job.status = 'ACTIVE'
                   and job.timezone > of_one_shots.timezone
                 order by job.timezone
                 limit 1)
          from of_one_shots
         where of_one_shots.timezone is not null
    )
    select timezone from of_cron_jobs where timezone is not null
     union
    select timezone from of_one_shots where timezone is not null
     union
    select beat.timezone
      from kronos.beats as beat
     where beat.deleted_at is null and beat.period_seconds is null
     union
    select calendar.timezone from kronos.calendars as calendar
     order by timezone
$$;
