-- write_audit: one audit row for what the transaction does to an object. Earlier changes to the same object
-- in the same transaction share that row: an endpoint, its version and its gate are one change. A change made
-- of several parts gets the action that is more than an update.
--
-- The API and the command line name the actor in the setting kronos.caller. It counts only if the session
-- belongs to one of Kronos's own roles; a role that may only enqueue cannot name one. When one statement
-- serves the requests of several callers, `each` names the actor by the object's id. Without the setting, the
-- actor is a worker, the scheduler, or the user who logged in.
--
-- Sessions that listen are notified (note_live_resource, note_live_audit). plpgsql without settings of its
-- own: as an SQL function it took 0.3 ms, because it was planned on every call.
create or replace function kronos.write_audit(p_workspace_id uuid, p_action text, p_object_type text,
                                              p_object_id text, p_object text, p_before jsonb, p_after jsonb)
returns void
language plpgsql volatile
as $$
declare
    v_caller jsonb := nullif(current_setting('kronos.caller', true), '')::jsonb;
begin
    if v_caller is not null
    and not (pg_has_role(session_user, 'kronos_api', 'member')
             or pg_has_role(session_user, 'kronos_owner', 'member')
             or pg_has_role(session_user, 'kronos_worker', 'member')
             or session_user = 'kronos_cron') then
        v_caller := null;
    end if;
    if v_caller ? 'each' then
        v_caller := coalesce(v_caller -> 'each' -> p_object_id, v_caller);
    end if;
    insert into kronos.audit_pending as pending (workspace_id, at, actor, key_id, address, request_id,
                                                 database_user, action, object_type, object_id, object,
                                                 before, after, source)
    values (p_workspace_id, kronos.clock(),
            coalesce(v_caller ->> 'actor',
                     case when 'kronos_worker' in (session_user, current_setting('role')) then 'worker'
                          when session_user = 'kronos_cron' then 'scheduler'
                          else session_user end),
            v_caller ->> 'key', v_caller ->> 'address', v_caller ->> 'request_id', session_user,
            p_object_type || '.' || p_action, p_object_type, p_object_id, p_object, p_before, p_after,
            v_caller ->> 'source')
        on conflict (xid, object_type, object_id) do update
       set action = case when pending.action like '%.create' or excluded.action like '%.update'
                         then pending.action else excluded.action end,
           object = coalesce(pending.object, excluded.object),
           before = nullif(coalesce(excluded.before, '{}') || coalesce(pending.before, '{}'), '{}'),
           after  = nullif(coalesce(pending.after, '{}') || coalesce(excluded.after, '{}'), '{}');
    if kronos.is_watched() then
        perform kronos.note_live_resource(p_workspace_id, p_action, p_object_type, p_object_id);
        perform kronos.note_live_audit(array[p_workspace_id]);
    end if;
end
$$;
