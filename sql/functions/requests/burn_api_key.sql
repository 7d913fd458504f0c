-- burn_api_key: record when a key, given by its secret's digest, was first seen in a URL. The key keeps
-- working (docs/decisions/0073 explains why). The caller does not learn whether such a key exists. Locks the
-- key's row.
create or replace function kronos.burn_api_key(p_public_id text, p_digest bytea)
returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    update kronos.api_keys
       set burnt_at = kronos.now()
     where public_id = p_public_id
       and secret_sha256 = p_digest
       and burnt_at is null
$$;
