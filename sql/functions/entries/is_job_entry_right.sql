-- is_job_entry_right: whether the reaper would leave a job's pg_cron entry, as pg_cron_evidence returns it,
-- unchanged. For a job that shares an entry, this is the shared one. Runs as the owner, who may read
-- pg_cron's settings.
-- Returns: null if there is no entry.
create or replace function kronos.is_job_entry_right(p_job_id uuid, p_alarm text, p_entry jsonb)
returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select case when shared.jobname is null
                then p_entry ->> 'jobname' = 'kronos:' || p_job_id and p_entry ->> 'schedule' = p_alarm
                else p_entry ->> 'jobname' = shared.jobname
                     and kronos.alarm_name(p_entry ->> 'schedule') = shared.jobname end
       and kronos.is_right_entry(p_entry ->> 'jobname', p_entry ->> 'command',
                                 (p_entry ->> 'active')::boolean, p_entry ->> 'database',
                                 p_entry ->> 'nodename', (p_entry ->> 'nodeport')::integer, place.database,
                                 place.nodename, place.nodeport)
      from kronos.entry_place() as place
      left join kronos.shared_names(array[p_job_id]) as shared on true
     where p_entry <> 'null'
$$;
