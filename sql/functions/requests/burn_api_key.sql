-- burn_api_key: notes when a key first stood in a URL, where this is its secret's digest. It goes on working:
-- docs/decisions/0073 says why. Nobody learns from it whether there is such a key. Holds the key's row.
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
