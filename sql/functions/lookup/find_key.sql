-- find_key: the digest and permissions of a key by its public part; no row for one that is unknown, revoked
-- or expired, or whose workspace was deleted. valid_seconds: until it expires; null: never.
create or replace function kronos.find_key(p_public_id text)
returns table (key_id uuid, secret_sha256 bytea, role text, sees_payloads boolean, workspace_id uuid,
               workspace text, valid_seconds double precision)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select key.key_id, key.secret_sha256, key.role, key.sees_payloads, key.workspace_id, workspace.slug,
           extract(epoch from key.expires_at - kronos.clock())::double precision
      from kronos.api_keys as key
      left join kronos.workspaces as workspace on workspace.workspace_id = key.workspace_id
     where key.public_id = p_public_id
       and key.revoked_at is null
       and (key.expires_at is null or key.expires_at > kronos.clock())
       and (key.workspace_id is null or workspace.status <> 'DELETED')
$$;
