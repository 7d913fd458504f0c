-- usage_of: how much the transaction's workspace has used of each quota, and its limits. Null usage: not
-- counted, because there is no limit. Null limit: no limit.
create or replace function kronos.usage_of()
returns table (workspace text, version integer, cron_jobs bigint, max_cron_jobs integer, executions bigint,
               max_executions_per_day bigint, resets_at timestamptz, max_input_bytes integer,
               in_flight integer, max_concurrency integer, alarms integer, max_alarms_per_minute integer)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select workspace.slug, workspace.version,
           (select count(*)
              from kronos.jobs as job
             where job.workspace_id = workspace.workspace_id and job.trigger = 'CRON'
               and job.status in ('ACTIVE', 'PAUSED')),
           workspace.max_cron_jobs,
           (select sum(case when shard.day >= (kronos.now() at time zone 'UTC')::date
                            then shard.used else 0 end)::bigint
              from kronos.quota_shards as shard
             where shard.workspace_id = workspace.workspace_id),
           workspace.max_executions_per_day,
           ((kronos.now() at time zone 'UTC')::date + 1)::timestamp at time zone 'UTC',
           workspace.max_input_bytes,
           (select gate.in_flight from kronos.workspace_gate as gate
             where gate.workspace_id = workspace.workspace_id),
           workspace.max_concurrency, kronos.alarm_peak(workspace.workspace_id),
           workspace.max_alarms_per_minute
      from kronos.workspaces as workspace
     where workspace.workspace_id = kronos.current_workspace_id() and workspace.status <> 'DELETED'
$$;
