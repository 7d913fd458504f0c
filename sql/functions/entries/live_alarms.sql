-- live_alarms: the distinct alarms of the ACTIVE CRON jobs of ACTIVE workspaces, without internal jobs, and
-- the number of jobs with each.
create or replace function kronos.live_alarms() returns table (alarm text, jobs bigint)
language sql stable rows 5000
as $$
    select job.alarm, count(*)
      from kronos.jobs as job
      join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id
     where job.trigger = 'CRON' and job.status = 'ACTIVE'
       and workspace.status = 'ACTIVE' and workspace.slug <> 'kronos-system'
     group by job.alarm
$$;
