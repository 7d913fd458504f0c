-- rotate_key: replaces a valid key with a new one that has the same name, role, access to payloads and
-- lifetime. The old one ends after p_overlap, or when it would have.
-- Holds locked: the old key's row.
-- Returns: the new key; no row if there is no such key, or if it is not valid.
-- Raises: KR044 if the workspace already has 1,000 valid keys, and the old one is to stay valid for a while.
create or replace function kronos.rotate_key(
    p_key_id uuid, p_public_id text, p_digest bytea, p_overlap interval, p_expires_at timestamptz,
    p_created_by text
) returns table (
    key_id uuid, public_id text, name text, role text, sees_payloads boolean, created_at timestamptz,
    created_by text, expires_at timestamptz, last_used_at timestamptz, workspace_id uuid
)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    with old as (
        select key.*
          from kronos.api_keys as key
         where key.key_id = p_key_id
           and key.workspace_id = kronos.current_workspace_id()
           and key.revoked_at is null
           and (key.expires_at is null or key.expires_at > kronos.now())
           for update
    ), ending as (
        update kronos.api_keys as key
           set expires_at = least(key.expires_at, kronos.now() + p_overlap)
          from old
         where key.key_id = old.key_id
    )
    insert into kronos.api_keys as key (public_id, secret_sha256, role, workspace_id, sees_payloads, name,
                                        expires_at, created_at, created_by)
    select p_public_id, p_digest, old.role, old.workspace_id, old.sees_payloads, old.name,
           coalesce(p_expires_at, kronos.now() + (old.expires_at - old.created_at)), kronos.now(),
           p_created_by
      from old
     where kronos.require_key_room(case when p_overlap <= interval '0' then old.key_id end)
    returning key.key_id, key.public_id, key.name, key.role, key.sees_payloads, key.created_at,
              key.created_by, key.expires_at, key.last_used_at, key.workspace_id
$$;
