-- register_jobs: writes the entries of many jobs at once (0.1 ms each; register_pg_cron takes 0.3). p_alarms:
-- each one's schedule. The caller knows that they are ACTIVE CRON jobs of an ACTIVE workspace, and holds
-- their rows.
-- Returns: how many.   Raises: pg_cron's errors, unchanged.
create or replace function kronos.register_jobs(p_job_ids uuid[], p_alarms text[]) returns integer
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    select count(cron.schedule('kronos:' || job.job_id, job.alarm,
                               format('select kronos.fire(%L)', job.job_id)))::integer
      from unnest(p_job_ids, p_alarms) as job (job_id, alarm)
$$;
