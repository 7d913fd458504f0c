-- is_right_entry: whether an entry rings at the right times, calls what it must and reaches this database. database, nodename and nodeport are
-- copied into the entry when it is scheduled, so a restored dump, a renamed database or a new port leaves entries that pg_cron cannot deliver.
-- Called by: reap, repair_pg_cron.
create or replace function kronos.is_right_entry(p_job_id uuid, p_alarm text, p_schedule text, p_command text, p_database text, p_nodename text,
                                                 p_nodeport integer, p_active boolean)
returns boolean
language sql stable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select p_schedule = p_alarm
       and p_command = format('select kronos.fire(%L)', p_job_id)
       -- pg_cron's settings are for superusers' eyes unless they lent them (cluster.sql)
       and case when pg_has_role(current_user, 'pg_read_all_settings', 'usage')
                then p_database = current_setting('cron.database_name') and p_nodename = current_setting('cron.host')
                else p_database = current_database()
           end
       and p_nodeport = current_setting('port')::integer
       and p_active
$$;
