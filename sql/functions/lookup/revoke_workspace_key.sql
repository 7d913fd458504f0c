-- revoke_workspace_key: end a key of the workspace, now; one that was revoked before stays so.
-- Returns: whether there is one.
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
