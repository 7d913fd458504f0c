-- system_alarm_quotas: how much of max_alarms_per_minute is used, for the p_most workspaces with that quota
-- whose ACTIVE CRON jobs would fill most of it if all rang in one minute. A workspace with fewer jobs than
-- its quota cannot be full.
-- Returns: one row each, the fullest first. used: entries in pg_cron that may ring in one minute
-- (alarm_peak).
create or replace function kronos.system_alarm_quotas(p_most integer)
returns table (workspace text, used integer, most integer)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select counted.slug, counted.used, counted.most
      from (select crowded.slug, kronos.alarm_peak(crowded.workspace_id) as used, crowded.most
              from (select workspace.workspace_id, workspace.slug, workspace.max_alarms_per_minute as most
                      from kronos.workspaces as workspace
                     cross join lateral (select count(*) as number                     -- jobs_by_terms
                                           from kronos.jobs as job
                                          where job.workspace_id = workspace.workspace_id
                                            and job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')
                                            and job.status = 'ACTIVE') as jobs
                     where workspace.max_alarms_per_minute is not null and workspace.status <> 'DELETED'
                     order by jobs.number::double precision / workspace.max_alarms_per_minute desc,
                              workspace.slug
                     limit p_most) as crowded) as counted
     order by counted.used::double precision / counted.most desc, counted.slug
$$;
