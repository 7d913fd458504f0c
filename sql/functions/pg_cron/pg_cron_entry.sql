-- pg_cron_entry: the entry of one job as pg_cron has it now.
-- Returns: null where there is none, or where pg_cron cannot be read: reading a job never fails for pg_cron's
-- sake.
create or replace function kronos.pg_cron_entry(p_job_id uuid) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set lock_timeout = '50ms'
as $$
begin
    return (select jsonb_build_object('jobid', entry.jobid, 'jobname', entry.jobname,
                                      'schedule', entry.schedule, 'active', entry.active)
              from cron.job as entry
             where entry.jobname = 'kronos:' || p_job_id
               and entry.username = current_user);
exception when undefined_table or invalid_schema_name or insufficient_privilege or lock_not_available then
    return null;
end
$$;
