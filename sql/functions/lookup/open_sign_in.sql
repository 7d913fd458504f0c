-- open_sign_in: a session of somebody who has proven who it is. A hundred old ones go: more than come.
-- Returns: its id.
create or replace function kronos.open_sign_in(
    p_digest bytea, p_subject text, p_email text, p_groups text[], p_lasts interval
) returns uuid
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    with old as (
        select sign_in_id
          from kronos.sign_ins
         where expires_at < kronos.now()
         order by expires_at
         limit 100
           for update skip locked
    ), gone as (
        delete from kronos.sign_ins as ended using old where ended.sign_in_id = old.sign_in_id
    )
    insert into kronos.sign_ins (secret_sha256, subject, email, groups, created_at, expires_at)
    values (p_digest, p_subject, p_email, p_groups, kronos.now(), kronos.now() + p_lasts)
    returning sign_in_id
$$;
