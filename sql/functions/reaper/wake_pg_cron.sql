-- wake_pg_cron: make pg_cron read all its entries again, by rewriting the reaper's own entry unchanged.
-- pg_cron overlooks entries that were written together with very many others until cron.job is written again:
-- PostgreSQL's invalidation queue overflows (pg_cron's #362; seen with 5,000 in one statement on 1.4.2). So
-- no entry stays overlooked for longer than a minute.
-- Raises: pg_cron's errors, unchanged.
create or replace function kronos.wake_pg_cron() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform kronos.register_pg_cron(reaper.job_id)
       from (select (select job.job_id
                       from kronos.jobs as job
                      where job.job_id = beat.job_id and job.name = 'reaper') as job_id
               from kronos.heartbeats as beat) as reaper      -- one row per internal job
      where reaper.job_id is not null
        and kronos.alarm_of(reaper.job_id) is not null;
end
$$;
