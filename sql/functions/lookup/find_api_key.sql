-- find_api_key: the digest and role of an instance key by its public part; no row for one that is unknown,
-- revoked or expired. For the previous release, which takes every key found here for the instance
-- administrator's, so workspace keys are excluded.
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
