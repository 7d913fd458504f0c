-- retain_workspaces: delete up to p_limit workspaces that were deleted longer ago than the instance's
-- failure_days and of which no job is kept, with their endpoints. No execution is kept then either:
-- retain_jobs keeps a job as long as one of its executions, and one-shots without a job row are checked here.
-- Rows that a deletion removes in steps (kronos.deletions) are left to it; once it is over, its row is
-- removed at the same age.
-- Returns: how many. With p_dry_run it only counts.
create or replace function kronos.retain_workspaces(p_limit integer, p_dry_run boolean) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $$
declare
    v_doomed uuid[];
begin
    v_doomed := array(select workspace.workspace_id
                        from kronos.workspaces as workspace
                       cross join kronos.retention as instance
                       where workspace.status = 'DELETED'
                         and workspace.deleted_at < kronos.now()
                             - make_interval(days => instance.failure_days)
                         and not exists (select from kronos.deletions as deletion
                                          where deletion.deleted_id = workspace.workspace_id)
                         and not exists (select from kronos.jobs as job
                                          where job.workspace_id = workspace.workspace_id)
                         and not exists (select from kronos.execution_done as done
                                          where done.workspace_id = workspace.workspace_id)
                       limit p_limit);
    if cardinality(v_doomed) > 0 and not p_dry_run then
        perform kronos.revoke_sql(granted.workspace_id::text, granted.role_name)
           from kronos.sql_grants as granted
          where granted.workspace_id = any (v_doomed);
        delete from kronos.dead_letters where workspace_id = any (v_doomed);
        delete from kronos.operations where workspace_id = any (v_doomed);
        delete from kronos.late_days where workspace_id = any (v_doomed);
        delete from kronos.history_weeks where workspace_id = any (v_doomed);
        delete from kronos.workspace_retention where workspace_id = any (v_doomed);
        delete from kronos.endpoint_health where workspace_id = any (v_doomed);
        delete from kronos.workspace_gate where workspace_id = any (v_doomed);
        delete from kronos.quota_shards where workspace_id = any (v_doomed);
        delete from kronos.endpoint_gate where workspace_id = any (v_doomed);
        delete from kronos.endpoint_versions where workspace_id = any (v_doomed);
        delete from kronos.endpoints where workspace_id = any (v_doomed);
        delete from kronos.document_versions where workspace_id = any (v_doomed);
        delete from kronos.documents where workspace_id = any (v_doomed);
        delete from kronos.request_rates
         where key_id in (select key.key_id from kronos.api_keys as key
                           where key.workspace_id = any (v_doomed));
        delete from kronos.managed where workspace_id = any (v_doomed);
        delete from kronos.role_mappings where workspace_id = any (v_doomed);
        delete from kronos.api_keys where workspace_id = any (v_doomed);
        delete from kronos.workspaces where workspace_id = any (v_doomed);
    end if;
    if not p_dry_run then
        delete from kronos.deletions
         where completed_at < kronos.now() - make_interval(days => (select instance.failure_days
                                                                      from kronos.retention as instance));
    end if;
    return cardinality(v_doomed);
end
$$;
