-- make_key: creates a key of the workspace. A constraint keeps its role from being one of the instance's.
-- Returns: the key; no row if it would never be valid.
-- Raises: KR044 if the workspace already has 1,000 valid keys.
create or replace function kronos.make_key(
    p_public_id text, p_digest bytea, p_role text, p_sees_payloads boolean, p_name text,
    p_expires_at timestamptz, p_created_by text
) returns table (
    key_id uuid, public_id text, name text, role text, sees_payloads boolean, created_at timestamptz,
    created_by text, expires_at timestamptz, last_used_at timestamptz, workspace_id uuid
)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    insert into kronos.api_keys as key (public_id, secret_sha256, role, workspace_id, sees_payloads, name,
                                        expires_at, created_at, created_by)
    select p_public_id, p_digest, p_role, kronos.current_workspace_id(), p_sees_payloads, p_name,
           p_expires_at, kronos.now(), p_created_by
     where kronos.current_workspace_id() is not null
       and (p_expires_at is null or p_expires_at > kronos.now())
       and kronos.require_key_room(null)
    returning key.key_id, key.public_id, key.name, key.role, key.sees_payloads, key.created_at,
              key.created_by, key.expires_at, key.last_used_at, key.workspace_id
$$;
