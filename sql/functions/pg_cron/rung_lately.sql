-- rung_lately: the minute of the last hour in which pg_cron ran most of our entries: how many, and how many
-- seconds after the minute's beginning it finished. Reads the newest 20,000 rows of its log.
-- Returns: no row, or nulls, if nothing rang, or if the log cannot be read or is not kept (cron.log_run).
create or replace function kronos.rung_lately(out rings bigint, out seconds double precision)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set lock_timeout = '50ms'
as $$
begin
    select count(*), extract(epoch from max(detail.end_time) - min(detail.minute))
      into rings, seconds
      from (select date_trunc('minute', newest.start_time) as minute, newest.end_time
              from (select log.start_time, log.end_time, log.command
                      from cron.job_run_details as log
                     order by log.runid desc
                     limit 20000) as newest
             where newest.start_time > kronos.now() - interval '1 hour'
               and newest.end_time is not null
               and newest.command like '%kronos.%') as detail
     group by detail.minute
     order by count(*) desc, detail.minute desc
     limit 1;
exception
    when undefined_table
    or undefined_column
    or invalid_schema_name
    or insufficient_privilege
    or lock_not_available then
    return;
end
$$;
