-- quota_room: how much room the transaction's workspace has now, for callers that reject part of a request (a
-- batch whose jobs are independent). Locks nothing: the write checks again.
-- Returns: null without quotas; otherwise the numbers of a refusal (take_executions): executions_left,
-- executions_used (null: none today), resets_at and others; cron_jobs, max_cron_jobs, max_input_bytes. Null:
-- no limit.
create or replace function kronos.quota_room() returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
begin
    if coalesce(current_setting('kronos.quotas', true), '') <> 'on' then
        return null;
    end if;
    return (select jsonb_build_object(
                       'executions_left', kronos.executions_left(workspace.workspace_id),
                       'executions_used',
                           (select sum(shard.used)
                              from kronos.quota_shards as shard
                             where shard.workspace_id = workspace.workspace_id
                               and shard.day >= (kronos.now() at time zone 'UTC')::date),
                       'max_executions_per_day', workspace.max_executions_per_day,
                       'resets_at', kronos.iso(((kronos.now() at time zone 'UTC')::date + 1)::timestamp
                                               at time zone 'UTC'),
                       'retry_after_seconds', kronos.day_left(),
                       'cron_jobs', case when workspace.max_cron_jobs is not null then
                           (select count(*)
                              from kronos.jobs as job
                             where job.workspace_id = workspace.workspace_id and job.trigger = 'CRON'
                               and job.status in ('ACTIVE', 'PAUSED')) end,
                       'max_cron_jobs', workspace.max_cron_jobs,
                       'max_input_bytes', workspace.max_input_bytes)
              from kronos.workspaces as workspace
             where workspace.workspace_id = kronos.current_workspace_id());
end
$$;
