-- last_reaping: the result of the reaper's last run within the last ten minutes: how many differences between
-- jobs and pg_cron's entries it found. The reaper rings every minute.
-- Returns: no row if it has not run in that time. mended: differences that it corrected; left_over: those
-- left for the next minute; nulls: it failed.
create or replace function kronos.last_reaping()
returns table (at timestamptz, mended integer, left_over integer)
language sql stable rows 1 security definer set search_path = pg_catalog, pg_temp
as $$
    select done.completed_at,
           (done.output ->> 'registered')::integer + (done.output ->> 'unscheduled')::integer
           + (done.output ->> 'corrected')::integer,
           (done.output -> 'left' ->> 'entries')::integer
      from kronos.done_among(array(select kronos.tick_id(job.job_id,
                                                         date_trunc('minute', kronos.now(), 'UTC')
                                                         - minute * interval '1 minute')
                                     from kronos.jobs as job
                                     join kronos.heartbeats as beat using (job_id)
                                    cross join generate_series(0, 9) as minute
                                    where job.name = 'reaper')) as done
     order by done.scheduled_at desc
     limit 1
$$;
