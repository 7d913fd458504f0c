-- room_in: how much room some of a workspace's shards have on a day, in total.
create or replace function kronos.room_in(p_workspace_id uuid, p_day date, p_shards smallint[]) returns bigint
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select coalesce(sum(case when day >= p_day then share - used else day_share end), 0)::bigint
      from kronos.quota_shards
     where workspace_id = p_workspace_id and shard = any (p_shards)
$$;
