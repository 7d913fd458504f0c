-- sweep_sign_ins: a hundred sessions that are over go, oldest first: each that is opened asks for it, so more
-- go than come. Those that another holds stay for the next.
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
