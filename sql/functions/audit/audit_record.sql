-- audit_record: the text of an audit row that is hashed: one line of JSON, with its keys in jsonb's order. A
-- row without a source omits that key, so that rows older than the column keep their hash.
create or replace function kronos.audit_record(p_row kronos.audit) returns text
language sql stable
as $$
    select (jsonb_build_object(
                'number', p_row.number, 'audit_id', p_row.audit_id, 'workspace_id', p_row.workspace_id,
                'workspace', p_row.workspace, 'at', kronos.iso(p_row.at), 'actor', p_row.actor,
                'key_id', p_row.key_id, 'address', p_row.address, 'request_id', p_row.request_id,
                'database_user', p_row.database_user, 'action', p_row.action,
                'object_type', p_row.object_type, 'object_id', p_row.object_id, 'object', p_row.object,
                'before', p_row.before, 'after', p_row.after)
            || case when p_row.source is null then '{}'
                    else jsonb_build_object('source', p_row.source) end)::text
$$;
