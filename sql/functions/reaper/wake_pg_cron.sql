-- wake_pg_cron: has pg_cron read all its entries again, by writing the reaper's own entry anew, unchanged.
-- pg_cron overlooks entries that were written together with very many others (PostgreSQL's invalidation queue overflows, pg_cron's #362; seen with
-- 5,000 in one statement on 1.4.2) until cron.job is written once more. So nothing stays overlooked for longer than a minute.
-- Called by: reap.   Raises: pg_cron's errors, unchanged.
create or replace function kronos.wake_pg_cron() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform kronos.register_pg_cron(job.job_id)
       from kronos.jobs as job
       join kronos.endpoints as endpoint using (endpoint_id)
      where endpoint.type = 'INTERNAL'
        and job.name = 'reaper'
        and kronos.alarm_of(job.job_id) is not null;
end
$$;
