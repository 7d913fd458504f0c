-- alarm_peak: how many of a workspace's entries in pg_cron may ring in one and the same minute, at the most
-- crowded minute of the day; where p_job_ids are given, of the minutes in which one of these rings. Judged by
-- minute and hour alone: an entry of the first of the month counts on each day, so the number is never too
-- low. Each distinct text is read once.
create or replace function kronos.alarm_peak(p_workspace_id uuid, p_job_ids uuid[] default null)
returns integer
language sql stable set search_path = pg_catalog, pg_temp
as $$
    with text as materialized (
        select job.alarm, count(*) as entries,
               coalesce(bool_or(job.job_id = any (p_job_ids)), true) as is_asked
          from kronos.jobs as job
         where job.workspace_id = p_workspace_id and job.trigger = 'CRON' and job.status = 'ACTIVE'
         group by job.alarm
    ), mask as materialized (
        select read.minutes, read.hours, sum(text.entries) as entries, bool_or(text.is_asked) as is_asked
          from text
         cross join lateral (select (parsed.schedule).minutes, (parsed.schedule).hours
                               from (select case when text.alarm ~ '^\S+ \S+ \S+ \S+ \S+$'
                                                 then kronos.parse_cron(text.alarm) end as schedule
                                    offset 0) as parsed) as read
         group by read.minutes, read.hours
    ), cell as (
        select distinct minute, hour
          from mask
         cross join generate_series(0, 59) as minute
         cross join generate_series(0, 23) as hour
         where mask.is_asked
           and coalesce((mask.minutes >> minute) & 1, 1) = 1
           and coalesce((mask.hours >> hour) & 1, 1) = 1
    )
    select coalesce(max(total.entries), 0)::integer
      from (select sum(mask.entries) as entries
              from cell
              join mask on coalesce((mask.minutes >> cell.minute) & 1, 1) = 1
               and coalesce((mask.hours >> cell.hour) & 1, 1) = 1
             group by cell.minute, cell.hour) as total
$$;
