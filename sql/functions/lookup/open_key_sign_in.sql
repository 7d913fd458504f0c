-- open_key_sign_in: opens a session for the holder of a key, for p_lasts but no longer than the key is valid.
-- A key has at most a hundred sessions: another one ends its oldest.
-- Returns: the session's id, and how many seconds it lasts; no row if the key is no longer valid.
create or replace function kronos.open_key_sign_in(p_digest bytea, p_key_id uuid, p_lasts interval)
returns table (sign_in_id uuid, valid_seconds double precision)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform kronos.sweep_sign_ins();
    delete from kronos.sign_ins as ended
     using (select one.sign_in_id
              from kronos.sign_ins as one
             where one.key_id = p_key_id
             order by one.created_at desc, one.sign_in_id desc
            offset 99) as old
     where ended.sign_in_id = old.sign_in_id;
    return query
    insert into kronos.sign_ins as made (secret_sha256, key_id, created_at, expires_at)
    select p_digest, key.key_id, kronos.now(),
           least(kronos.now() + p_lasts, kronos.now() + make_interval(secs => key.valid_seconds))
      from kronos.known_keys(array[p_key_id]) as key
    returning made.sign_in_id, extract(epoch from made.expires_at - kronos.now())::double precision;
end
$$;
