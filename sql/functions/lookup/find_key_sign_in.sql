-- find_key_sign_in: the key that opened the session with this secret, and its current permissions. No row if
-- there is no such session, it has ended, or its key is no longer valid. valid_seconds: until it ends.
create or replace function kronos.find_key_sign_in(p_digest bytea)
returns table (public_id text, key_id uuid, role text, sees_payloads boolean, workspace_id uuid,
               workspace text, valid_seconds double precision)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select held.public_id, key.key_id, key.role, key.sees_payloads, key.workspace_id, key.workspace,
           least(key.valid_seconds, extract(epoch from found.expires_at - kronos.clock())::double precision)
      from kronos.sign_ins as found
      join kronos.api_keys as held on held.key_id = found.key_id
     cross join lateral kronos.known_keys(array[found.key_id]) as key
     where found.secret_sha256 = p_digest and found.expires_at > kronos.clock()
$$;
