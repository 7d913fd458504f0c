-- pg_cron_failure: what pg_cron's log says of the newest p_newest of our alarms. A login that was refused has neither start nor end there, a failed status
-- and a message: where the newest of them all failed, and no internal job has rung since, pg_cron rings for nobody.
-- Runs that were cut short by an administrator or a restart are no failures. By runid, which is indexed and given out in the order of time.
-- Called by: pg_cron_health, queries/doctor.sql, queries/ringing.sql.
-- Returns: one row. ended: how many of these have ended; message: the newest failure's; last_runid: the newest of them; nothing of both where pg_cron cannot be read, or keeps no log.
create or replace function kronos.pg_cron_failure(p_newest integer, out ended integer, out failed integer, out message text, out last_runid bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set lock_timeout = '50ms'
as $$
begin
    select count(*), count(*) filter (where newest.status = 'failed'),
           (array_agg(left(newest.return_message, 200) order by newest.runid desc) filter (where newest.status = 'failed'))[1],
           coalesce(max(newest.runid), 0)
      into ended, failed, message, last_runid
      from (select detail.runid, detail.status, detail.return_message
              from cron.job_run_details as detail
             where detail.command like 'select kronos.fire(%'
             order by detail.runid desc
             limit p_newest) as newest
     where newest.status in ('succeeded', 'failed')
       and coalesce(newest.return_message, '') not in ('job canceled', 'server restarted');
exception when undefined_table or undefined_column or invalid_schema_name or insufficient_privilege or lock_not_available then
    ended := 0;
    failed := 0;
    last_runid := 0;
end
$$;
