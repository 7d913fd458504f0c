-- audit_action: the action of an audit row, in one word: what an insert, update or delete of a row means to
-- its readers. plpgsql, because its plan is kept.
create or replace function kronos.audit_action(p_table text, p_operation text, p_row jsonb, p_after jsonb)
returns text
language plpgsql immutable
as $$
begin
    return case
        when p_table = 'endpoint_health' then
            case p_row ->> 'state' when 'DISABLED' then 'disable' else 'enable' end
        when p_table = 'incidents' then
            case when p_after ? 'acknowledged_at' then 'acknowledge' else 'snooze' end
        when p_table = 'operations' and p_operation = 'INSERT' then lower(p_row ->> 'kind')
        when p_operation = 'INSERT' and (p_table = 'workspace_retention'
                                         or coalesce(p_row ->> 'previous_version_id', '') <> ''
                                         or (p_table like '%\_versions' and p_row ->> 'version' <> '1'))
            then 'update'
        when p_operation = 'INSERT' then 'create'
        when p_operation = 'DELETE' or coalesce(p_after ->> 'deleted_at', '') <> ''
                                    or p_after ->> 'status' = 'DELETED' then 'delete'
        when coalesce(p_after ->> 'revoked_at', '') <> '' then 'revoke'
        else case p_after ->> 'status'
                  when 'SUSPENDED' then 'suspend'
                  when 'PAUSED'    then 'pause'
                  when 'ACTIVE'    then 'resume'
                  when 'CANCELLED' then 'cancel'
                  when 'RETIRED'   then
                      case p_row -> 'status_reason' ->> 'code' when 'cancelled' then 'cancel' else 'end' end
                  else 'update' end
    end;
end
$$;
