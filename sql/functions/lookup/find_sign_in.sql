-- find_sign_in: the person signed in with this secret, and their current permissions: the roles come from the
-- current mappings. No row: nobody is. valid_seconds: until it ends.
create or replace function kronos.find_sign_in(p_digest bytea)
returns table (sign_in_id uuid, subject text, email text, valid_seconds double precision, grants jsonb)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select found.sign_in_id, found.subject, found.email,
           extract(epoch from found.expires_at - kronos.clock())::double precision,
           (select coalesce(jsonb_agg(to_jsonb(granted)), '[]')
              from kronos.granted_roles(found.groups) as granted)
      from kronos.sign_ins as found
     where found.secret_sha256 = p_digest and found.key_id is null and found.expires_at > kronos.clock()
$$;
