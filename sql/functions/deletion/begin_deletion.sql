-- begin_deletion: deletes the transaction's workspace, with all that it holds: from the commit on nobody
-- finds it, nothing of it is claimed, rung or made, and its slug is free. Its entries go in this transaction,
-- as many as a second has room for; what is under way is asked to end. The rest goes in steps (delete_some).
-- Where anything is in it, p_confirm must be its slug or its name. With p_is_trial it only looks.
-- Lock order: the workspace's lock, which keeps it from being suspended or resumed and its jobs from being
-- changed; its row, which who makes an endpoint, document or secret in it shares; then executions.
-- Returns: one row. operation_id: null where nothing was done; contents: what was, or is, in it; all null:
-- it is not there any more.
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
    -- those who share the row have committed by now, or find it deleted
    perform from kronos.workspaces where workspace_id = v_workspace.workspace_id for update;
    -- first: what goes with it is one change of the audit
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
