-- workspace_keys: the workspace's keys that were not revoked, including expired ones.
create or replace function kronos.workspace_keys() returns table (
    key_id uuid, public_id text, name text, role text, sees_payloads boolean, created_at timestamptz,
    created_by text, expires_at timestamptz, last_used_at timestamptz, workspace_id uuid
)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select key.key_id, key.public_id, key.name, key.role, key.sees_payloads, key.created_at, key.created_by,
           key.expires_at, key.last_used_at, key.workspace_id
      from kronos.api_keys as key
     where key.workspace_id = kronos.current_workspace_id()
       and key.revoked_at is null
$$;
