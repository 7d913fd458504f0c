-- end_sign_in: signs out.
-- Returns: whether there was a session.
create or replace function kronos.end_sign_in(p_digest bytea) returns boolean
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    with ended as (
        delete from kronos.sign_ins where secret_sha256 = p_digest returning sign_in_id
    )
    select exists (select from ended)
$$;
