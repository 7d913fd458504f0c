-- system_alarm_quotas: how much of max_alarms_per_minute is used, of workspaces that have that quota: the
-- first p_most by their slugs.
-- Returns: a row each, the fullest first. used: entries in pg_cron that may ring in one minute (alarm_peak).
create or replace function kronos.system_alarm_quotas(p_most integer)
returns table (workspace text, used integer, most integer)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select counted.slug, counted.used, counted.most
      from (select workspace.slug, kronos.alarm_peak(workspace.workspace_id) as used,
                   workspace.max_alarms_per_minute as most
              from kronos.workspaces as workspace
             where workspace.max_alarms_per_minute is not null and workspace.status <> 'DELETED'
             order by workspace.slug
             limit p_most) as counted
     order by counted.used::double precision / counted.most desc, counted.slug
$$;
