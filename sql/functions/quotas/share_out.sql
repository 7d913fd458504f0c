-- share_out: count p_number more in the first of some of a workspace's shards, and divide the remaining room
-- evenly among them; their total stays the same. The caller has locked them.
create or replace function kronos.share_out(p_workspace_id uuid, p_day date, p_number bigint,
                                            p_shards smallint[])
returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
    with present as materialized (
        select shard, case when day >= p_day then share else day_share end as share,
               case when day >= p_day then used else 0 end
               + case when shard = p_shards[1] then p_number else 0 end as used,
               row_number() over (order by shard) as nth
          from kronos.quota_shards
         where workspace_id = p_workspace_id and shard = any (p_shards)
    ), room as (
        select greatest(sum(present.share) - sum(present.used), 0)::bigint as number, count(*) as shards
          from present
    )
    update kronos.quota_shards as shard
       set day = greatest(shard.day, p_day), used = present.used,
           share = present.used + room.number / room.shards
                   + (present.nth <= room.number % room.shards)::integer
      from present
     cross join room
     where shard.workspace_id = p_workspace_id and shard.shard = present.shard
$$;
