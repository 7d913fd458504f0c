-- secret_keys: the ids of the keys with which secrets of any workspace are encrypted; a process must have
-- them all. One index lookup per key, however many secrets there are.
-- Returns: one row per key.
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
