-- pg_cron_drift: where the ACTIVE CRON jobs and pg_cron's entries of our name are not the same set, and in what. One snapshot; a request under way may
-- show as a difference, so whoever repairs looks again under the job's lock.
-- Called by: reap; queries/doctor.sql (list_drift).
-- Returns: a row a difference; job_id is null where the entry's name holds none.
create or replace function kronos.pg_cron_drift() returns table (job_id uuid, jobid bigint, jobname text, difference text)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return query
        with entry as materialized (
            select *, case when found.jobname ~ '^kronos:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then substr(found.jobname, 8)::uuid end as of_job_id
              from kronos.pg_cron_entries() as found
        ), wanted as materialized (
            select job.job_id, job.alarm
              from kronos.jobs as job
              join kronos.workspaces as workspace using (workspace_id)
             where job.status = 'ACTIVE' and job.trigger = 'CRON' and workspace.status = 'ACTIVE'
        )
        select coalesce(entry.of_job_id, wanted.job_id), entry.jobid, coalesce(entry.jobname, 'kronos:' || wanted.job_id),
               case when entry.jobid is null                      then 'an ACTIVE job has no entry'
                    when wanted.job_id is null                    then 'an entry has no ACTIVE job'
                    when entry.schedule <> wanted.alarm           then 'an entry has another schedule than its job'
                    else 'an entry has another command, database or port, or is not active'
               end
          from wanted
          full join entry on entry.of_job_id = wanted.job_id and entry.username = 'kronos_cron'
         where wanted.job_id is null
            or entry.jobid is null
            or not kronos.is_right_entry(wanted.job_id, wanted.alarm, entry.schedule, entry.command, entry.database, entry.nodename, entry.nodeport, entry.active);
end
$$;
