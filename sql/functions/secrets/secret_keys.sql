-- secret_keys: the ids of the keys that secrets of any workspace are sealed under, as a process must hold
-- them. One look into the index each, however many secrets there are.
-- Returns: one row each.
create or replace function kronos.secret_keys() returns table (key_id text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    with recursive known as (
        (select secret.key_id
           from kronos.secrets as secret
          where secret.key_id is not null
          order by 1
          limit 1)
        union all
        select (select secret.key_id
                  from kronos.secrets as secret
                 where secret.key_id > known.key_id
                 order by 1
                 limit 1)
          from known
         where known.key_id is not null
    )
    select known.key_id from known where known.key_id is not null
$$;
