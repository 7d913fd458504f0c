-- caller_ended: why the caller that began an operation or a backfill may no longer do it, so that it stops:
-- the key was revoked, has expired or no longer exists; or the person is signed in, but with groups none of
-- which may do it now. A person's groups are known only while they are signed in; otherwise it continues.
-- p_caller: the value of kronos.caller; it also continues without a caller, for a command and for a login.
-- Returns: null if it may continue.
create or replace function kronos.caller_ended(p_caller jsonb, p_workspace_id uuid) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_public_id constant text := p_caller ->> 'key';
    v_actor     constant text := p_caller ->> 'actor';
    v_key       kronos.api_keys;
begin
    if v_public_id is not null then
        select * into v_key from kronos.api_keys where public_id = v_public_id;
        return case when v_key.key_id is null then format('its key %s no longer exists', v_public_id)
                    when v_key.revoked_at is not null then format('its key %s was revoked', v_public_id)
                    when v_key.expires_at <= kronos.clock() then format('its key %s has expired', v_public_id)
               end;
    elsif v_actor like 'oidc:%' then
        return (select case when not bool_or(exists (select from kronos.granted_roles(each.groups) as granted
                                                      where granted.workspace_id = p_workspace_id
                                                        and granted.role <> 'viewer'))
                            then format('%s may no longer do it', v_actor) end
                  from kronos.sign_ins as each
                 where each.subject is not null and 'oidc:' || coalesce(each.email, each.subject) = v_actor
                   and each.expires_at > kronos.clock());
    end if;
    return null;
end
$$;
