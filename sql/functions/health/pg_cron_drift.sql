-- pg_cron_drift: the differences between pg_cron's entries under our name and those that should ring the
-- ACTIVE CRON jobs (own or shared entries). One snapshot: a request in progress may show as a difference, so
-- the reaper checks again under the job's lock.
-- Returns: one row per difference; job_id is null if the entry's name contains none, workspace_id if no job
-- has it.
create or replace function kronos.pg_cron_drift()
returns table (job_id uuid, workspace_id uuid, jobid bigint, jobname text, difference text)
language plpgsql stable set search_path = pg_catalog, pg_temp set work_mem = '32MB'
as $$
declare
    v_are_shared constant boolean := kronos.are_alarms_shared();
begin
    return query
        with wanted as materialized (
            select job.job_id, job.workspace_id, 'kronos:' || job.job_id as jobname, job.alarm
              from kronos.jobs as job
              join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id
             where job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')      -- as in jobs_by_zone
               and job.status = 'ACTIVE' and workspace.status = 'ACTIVE'
               and (not v_are_shared or workspace.slug = 'kronos-system')
             union all
            select null, null, kronos.alarm_name(shared.alarm), shared.alarm
              from kronos.shared_alarms() as shared (alarm)
        ), entry as materialized (
            select found.*
              from kronos.entry_place() as place
             cross join lateral kronos.pg_cron_entries(place.database, place.nodename, place.nodeport)
                        as found
        )
        select named.job_id,
               case when wanted.job_id is not null then wanted.workspace_id
                    else (select job.workspace_id
                            from kronos.jobs as job
                           where job.job_id = named.job_id) end,
               entry.jobid, coalesce(entry.jobname, wanted.jobname),
               case when entry.jobid is null and wanted.job_id is null
                        then 'an alarm of ACTIVE jobs has no entry'
                    when entry.jobid is null                      then 'an ACTIVE job has no entry'
                    when wanted.jobname is null and entry.jobname like 'kronos:@%'
                        then 'an entry that jobs shared has none'
                    when wanted.jobname is null
                        then 'an entry has no ACTIVE job, or it shares one'
                    when entry.schedule <> wanted.alarm
                        then 'an entry has another schedule than its job'
                    else 'an entry has another command, database or port, or is not active'
               end
          from wanted
          full join entry on entry.jobname = wanted.jobname and entry.is_ours
         cross join lateral (select case when wanted.job_id is not null then wanted.job_id
                                         -- a uuid as PostgreSQL writes it; a regular expression takes five
                                         -- times as long
                                         when entry.jobname like 'kronos:________-____-____-____-____________'
                                              and translate(entry.jobname, '0123456789abcdef', '')
                                                  = translate('kronos:----', '0123456789abcdef', '')
                                             then substr(entry.jobname, 8)::uuid
                                    end as job_id
                             offset 0) as named
         where wanted.jobname is null
            or entry.jobid is null
            or entry.schedule <> wanted.alarm
            or not entry.is_right;
end
$$;
