-- write_audit: one row in the audit of what the transaction does to an object. What it did to it before is the
-- same row: an endpoint, its version and its gate are one change. A change that is made of several is called
-- by what is more than an update.
create or replace function kronos.write_audit(p_workspace_id uuid, p_action text, p_object_type text,
                                              p_object_id text, p_object text, p_before jsonb, p_after jsonb)
returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
    insert into kronos.audit_pending as pending (workspace_id, at, actor, key_id, address, request_id,
                                                 database_user, action, object_type, object_id, object,
                                                 before, after)
    select p_workspace_id, kronos.clock(), caller.actor, caller.key_id, caller.address, caller.request_id,
           session_user, p_object_type || '.' || p_action, p_object_type, p_object_id, p_object, p_before,
           p_after
      from kronos.audit_caller(p_object_id) as caller
        on conflict (xid, object_type, object_id) do update
       set action = case when pending.action like '%.create' or excluded.action like '%.update'
                         then pending.action else excluded.action end,
           object = coalesce(pending.object, excluded.object),
           before = nullif(coalesce(excluded.before, '{}') || coalesce(pending.before, '{}'), '{}'),
           after  = nullif(coalesce(pending.after, '{}') || coalesce(excluded.after, '{}'), '{}')
$$;
