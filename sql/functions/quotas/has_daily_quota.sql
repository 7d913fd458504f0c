-- has_daily_quota: whether executions of a workspace are counted; for null, whether those of any workspace
-- are.
create or replace function kronos.has_daily_quota(p_workspace_id uuid) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
begin
    if p_workspace_id is null then
        return exists (select from kronos.workspaces where max_executions_per_day is not null);
    end if;
    return exists (select from kronos.workspaces
                    where workspace_id = p_workspace_id and max_executions_per_day is not null);
end
$$;
