-- alarm_peak: how many of a workspace's entries in pg_cron may ring in the same minute, at the most crowded
-- minute of the day. If p_job_ids is given, only minutes in which one of these jobs rings count. Considers
-- only minute and hour: an entry for the first of the month counts on every day, so the number is never too
-- low. Each distinct alarm is read once.
create or replace function kronos.alarm_peak(p_workspace_id uuid, p_job_ids uuid[] default null)
returns integer
language sql stable set search_path = pg_catalog, pg_temp
as $$
    with text as materialized (
        select found.alarm, sum(found.entries) as entries, bool_or(found.is_asked) as is_asked
          from (select job.alarm, count(*) as entries, p_job_ids is null as is_asked      -- jobs_by_terms
                  from kronos.jobs as job
                 where job.workspace_id = p_workspace_id and job.trigger = 'CRON'
                   and job.status in ('ACTIVE', 'PAUSED') and job.status = 'ACTIVE'
                 group by job.alarm
                 union all
                select job.alarm, 0, true
                  from kronos.jobs as job
                 where job.job_id = any (p_job_ids) and job.workspace_id = p_workspace_id
                   and job.trigger = 'CRON' and job.status = 'ACTIVE') as found
         group by found.alarm
    ), mask as materialized (
        select read.minutes, read.hours, sum(text.entries) as entries, bool_or(text.is_asked) as is_asked
          from text
         -- most name one minute and one hour, and parse_cron takes 0.1 ms per text; null: every one
         cross join lateral (select regexp_match(text.alarm, '^([0-9]+|\*) ([0-9]+|\*) \S+ \S+ \S+$') as field
                              offset 0) as plain
         cross join lateral (select case when plain.field is null then (parsed.schedule).minutes
                                         else 1::bigint << nullif(plain.field[1], '*')::integer
                                    end as minutes,
                                    case when plain.field is null then (parsed.schedule).hours
                                         else 1 << nullif(plain.field[2], '*')::integer end as hours
                               from (select case when plain.field is null
                                                  and text.alarm ~ '^\S+ \S+ \S+ \S+ \S+$'
                                                 then kronos.parse_cron(text.alarm) end as schedule
                                    offset 0) as parsed) as read
         group by read.minutes, read.hours
    )
    select coalesce(max(total.entries), 0)::integer
      from (select sum(mask.entries) as entries
              from mask
             cross join lateral (select minute
                                   from generate_series(0, 59) as minute
                                  where coalesce((mask.minutes >> minute) & 1, 1) = 1) as ringing
             cross join lateral (select hour
                                   from generate_series(0, 23) as hour
                                  where coalesce((mask.hours >> hour) & 1, 1) = 1) as within
             group by ringing.minute, within.hour
            having bool_or(mask.is_asked)) as total
$$;
