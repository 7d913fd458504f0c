-- find_api_key: the digest and role of a key of the instance by its public part; no row for an unknown, a
-- revoked or an expired one. For the release before, which takes every key that it finds here for the
-- instance's administrator's: a workspace's is none of these.
create or replace function kronos.find_api_key(p_public_id text)
returns table (key_id uuid, secret_sha256 bytea, role text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select key.key_id, key.secret_sha256, key.role
      from kronos.api_keys as key
     where key.public_id = p_public_id
       and key.revoked_at is null
       and key.role = 'instance_admin'
       and (key.expires_at is null or key.expires_at > kronos.clock())
$$;
