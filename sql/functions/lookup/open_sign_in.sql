-- open_sign_in: opens a session for a person who has been authenticated, and deletes old ones.
-- Returns: its id.
create or replace function kronos.open_sign_in(
    p_digest bytea, p_subject text, p_email text, p_groups text[], p_lasts interval
) returns uuid
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    select kronos.sweep_sign_ins();
    insert into kronos.sign_ins (secret_sha256, subject, email, groups, created_at, expires_at)
    values (p_digest, p_subject, p_email, p_groups, kronos.now(), kronos.now() + p_lasts)
    returning sign_in_id
$$;
