-- delete_workspace: deletes the transaction's workspace as the previous release does (begin_deletion does it
-- now), with its endpoints, if nothing in it is unfinished; otherwise nothing happens. Unfinished work is
-- searched for twice, as in delete_endpoint: a session about to add to it holds its endpoint's row. Secrets
-- are deleted immediately, whatever retention keeps.
-- Lock order: the workspace's lock, which prevents its suspension or resumption and changes to its jobs; its
-- row, which a session that creates an endpoint shares; its endpoints.
-- Returns: one row: whether it was deleted, and what was unfinished.
create or replace function kronos.delete_workspace(out is_deleted boolean, out jobs bigint,
                                                   out executions bigint, out backfills bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_workspace_id uuid := kronos.current_workspace_id();
begin
    is_deleted := false;
    for v_look in 1 .. 2 loop
        select unfinished.jobs, unfinished.executions, unfinished.backfills into jobs, executions, backfills
          from kronos.unfinished_work(v_workspace_id) as unfinished;
        if jobs + executions + backfills > 0 then
            return;
        end if;
        if v_look = 1 then
            perform pg_advisory_xact_lock(kronos.workspace_lock(v_workspace_id));
            perform from kronos.workspaces
              where workspace_id = v_workspace_id and status <> 'DELETED'
                for update;
            if not found then
                return;
            end if;
            perform from kronos.endpoints
              where workspace_id = v_workspace_id and deleted_at is null
              order by endpoint_id
                for update;
        end if;
    end loop;
    -- first, so that everything deleted with it is one change in the audit
    update kronos.workspaces
       set status = 'DELETED', deleted_at = kronos.now()
     where workspace_id = v_workspace_id;
    perform kronos.end_operation(operation_id, 'CANCELLED',
                                 '{"code": "workspace_deleted", "detail": "its workspace was deleted"}')
       from kronos.operations
      where workspace_id = v_workspace_id and status = 'RUNNING';
    perform kronos.revoke_sql(v_workspace_id::text, granted.role_name)
       from kronos.sql_grants as granted
      where granted.workspace_id = v_workspace_id;
    delete from kronos.turns where workspace_id = v_workspace_id;
    delete from kronos.secrets where workspace_id = v_workspace_id;
    update kronos.endpoints
       set deleted_at = kronos.now()
     where workspace_id = v_workspace_id and deleted_at is null;
    is_deleted := true;
end
$$;
