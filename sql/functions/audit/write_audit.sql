-- write_audit: one row in the audit of what the transaction does to an object. What it did to it before is
-- the same row: an endpoint, its version and its gate are one change. A change that is made of several is
-- called by what is more than an update. Who does it the API and the command line say in the setting
-- kronos.caller, which counts where the session is one of Kronos's own: who may only enqueue says nothing of
-- the kind. Where requests of several callers are one statement, `each` says it by the object's id. Where
-- nobody says it, it is a worker, the scheduler, or who had logged in. Who listens hears of it
-- (note_live_resource, note_live_audit). plpgsql without settings of its own: as a function in SQL it took
-- 0.3 ms, planned anew each time.
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
