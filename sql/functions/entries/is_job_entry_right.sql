-- is_job_entry_right: whether a job's pg_cron entry, as pg_cron_evidence returns it, is what the reaper would
-- leave as it is.
-- Returns: null where there is no entry. Runs as the owner, who may see what pg_cron's settings are.
create or replace function kronos.is_job_entry_right(p_job_id uuid, p_alarm text, p_entry jsonb)
returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select p_entry ->> 'schedule' = p_alarm
       and kronos.is_right_entry('kronos:' || p_job_id, p_entry ->> 'command',
                                 (p_entry ->> 'active')::boolean, p_entry ->> 'database',
                                 p_entry ->> 'nodename', (p_entry ->> 'nodeport')::integer, place.database,
                                 place.nodename, place.nodeport)
      from kronos.entry_place() as place
     where p_entry <> 'null'
$$;
