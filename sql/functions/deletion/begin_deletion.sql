-- begin_deletion: deletes the transaction's workspace with everything in it. From the commit on it is not
-- found, nothing of it is claimed, rung or created, and its slug is free. As many entries as fit into a
-- second are removed in this transaction, and deliveries under way are asked to end; the rest is deleted in
-- steps (delete_some). If the workspace is not empty, p_confirm must be its slug or its name. With p_is_trial
-- it only reads.
-- Lock order: the workspace's lock, which prevents its suspension or resumption and changes to its jobs; its
-- row, which sessions that create an endpoint, document or secret in it share; then executions.
-- Returns: one row. operation_id: null if nothing was done; contents: what the workspace contains or
-- contained; all null: it no longer exists.
create or replace function kronos.begin_deletion(p_confirm text, p_is_trial boolean, out operation_id uuid,
                                                 out contents jsonb, out is_empty boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_workspace kronos.workspaces;
    v_deletion  kronos.deletions;
begin
    if not p_is_trial then
        perform pg_advisory_xact_lock(kronos.workspace_lock(kronos.current_workspace_id()));
    end if;
    select * into v_workspace
      from kronos.workspaces
     where workspace_id = kronos.current_workspace_id() and status <> 'DELETED'
       for no key update;
    if not found then
        return;      -- another session has deleted it meanwhile
    end if;
    contents := kronos.workspace_contents(v_workspace.workspace_id);
    is_empty := not jsonb_path_exists(contents, '$.* ? (@ > 0)');
    if p_is_trial
    or not is_empty and coalesce(p_confirm not in (v_workspace.slug, v_workspace.name), true) then
        return;
    end if;
    -- sessions that share the row have committed by now, or will find it deleted
    perform from kronos.workspaces where workspace_id = v_workspace.workspace_id for update;
    -- first, so that everything deleted with it is one change in the audit
    update kronos.workspaces
       set status = 'DELETED', deleted_at = kronos.now()
     where workspace_id = v_workspace.workspace_id;
    delete from kronos.turns where workspace_id = v_workspace.workspace_id;
    delete from kronos.secrets where workspace_id = v_workspace.workspace_id;
    insert into kronos.deletions (deleted_id, slug, name, version, counted, total, created_at)
    values (v_workspace.workspace_id, v_workspace.slug, v_workspace.name, v_workspace.version, contents,
            (select coalesce(sum(each.value::bigint), 0)
               from jsonb_each_text(contents) as each
              where each.key in ('live_jobs', 'jobs', 'unfinished_executions', 'finished_executions',
                                 'endpoints')), kronos.now())
    returning * into v_deletion;
    operation_id := v_deletion.operation_id;
    v_deletion := kronos.begin_steps(v_deletion, kronos.clock() + interval '1 second');
    update kronos.deletions as deletion
       set phase = v_deletion.phase, after_at = v_deletion.after_at, after_id = v_deletion.after_id,
           done = v_deletion.done
     where deletion.operation_id = v_deletion.operation_id;
end
$$;
