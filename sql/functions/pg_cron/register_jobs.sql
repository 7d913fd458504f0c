-- register_jobs: gives many jobs their entries together (0.1 ms each; register_pg_cron takes 0.3): writes
-- their own, and notes the alarms of those that share one. p_alarms: the schedule of each. The caller knows
-- that they are ACTIVE CRON jobs of an ACTIVE workspace, and holds their rows locked.
-- Returns: how many.
-- Raises: pg_cron's errors, unchanged.
create or replace function kronos.register_jobs(p_job_ids uuid[], p_alarms text[]) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_shared constant uuid[] := array(select shared.job_id from kronos.shared_names(p_job_ids) as shared);
begin
    perform kronos.note_alarm('*', alike.alarm)
       from (select distinct job.alarm
               from unnest(p_job_ids, p_alarms) as job (job_id, alarm)
              where job.job_id = any (v_shared)) as alike;
    perform cron.schedule('kronos:' || job.job_id, job.alarm, format('select kronos.fire(%L)', job.job_id))
       from unnest(p_job_ids, p_alarms) as job (job_id, alarm)
      where job.job_id <> all (v_shared);
    return cardinality(p_job_ids);
end
$$;
