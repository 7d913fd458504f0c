-- sweep_sign_ins: deletes a hundred ended sessions, oldest first. Each new session calls it, so more are
-- deleted than are added. Rows that another session has locked are left for the next call.
create or replace function kronos.sweep_sign_ins() returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
    with old as (
        select sign_in_id
          from kronos.sign_ins
         where expires_at < kronos.now()
         order by expires_at
         limit 100
           for update skip locked
    )
    delete from kronos.sign_ins as ended using old where ended.sign_in_id = old.sign_in_id
$$;
