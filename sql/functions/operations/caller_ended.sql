-- caller_ended: why who began an operation or a backfill may not do it any more, so that it goes no further:
-- the key was revoked, has expired or is gone; the person is signed in with groups none of which may it now.
-- What a person's groups are is known while they are signed in: of who is not, it goes on. p_caller: what is
-- said in kronos.caller; of nobody, of a command and of a login it goes on.
-- Returns: null where it goes on.
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
        return case when v_key.key_id is null then format('its key %s is gone', v_public_id)
                    when v_key.revoked_at is not null then format('its key %s was revoked', v_public_id)
                    when v_key.expires_at <= kronos.clock() then format('its key %s has expired', v_public_id)
               end;
    elsif v_actor like 'oidc:%' then
        return (select case when not bool_or(exists (select from kronos.granted_roles(each.groups) as granted
                                                      where granted.workspace_id = p_workspace_id
                                                        and granted.role <> 'viewer'))
                            then format('%s may not do it any more', v_actor) end
                  from kronos.sign_ins as each
                 where each.subject is not null and 'oidc:' || coalesce(each.email, each.subject) = v_actor
                   and each.expires_at > kronos.clock());
    end if;
    return null;
end
$$;
