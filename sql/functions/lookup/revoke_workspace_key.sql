-- revoke_workspace_key: revokes a key of the workspace, immediately. A key that was revoked before is
-- unchanged.
-- Returns: whether the key exists.
create or replace function kronos.revoke_workspace_key(p_key_id uuid) returns boolean
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    with revoked as (
        update kronos.api_keys as key
           set revoked_at = coalesce(key.revoked_at, kronos.now())
         where key.key_id = p_key_id and key.workspace_id = kronos.current_workspace_id()
        returning key.key_id
    )
    select exists (select from revoked)
$$;
