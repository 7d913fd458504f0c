-- note_use: records that these keys were used, unless that was recorded within the last minute. Does not wait
-- for rows that another process is about to write.
-- Returns: how many it recorded.
create or replace function kronos.note_use(p_key_ids uuid[]) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    with due as (
        select key.key_id
          from kronos.api_keys as key
         where key.key_id = any (p_key_ids)
           and (key.last_used_at is null or key.last_used_at <= kronos.now() - interval '1 minute')
         order by key.key_id
           for no key update skip locked
    ), noted as (
        update kronos.api_keys as key
           set last_used_at = kronos.now()
          from due
         where key.key_id = due.key_id
        returning key.key_id
    )
    select count(*) from noted
$$;
