-- executions_left: how many executions a workspace may still create today; null: no limit. Locks nothing.
create or replace function kronos.executions_left(p_workspace_id uuid) returns bigint
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select greatest(days.left_over, 0)::bigint
      from (select sum(shard.day_share - case when shard.day >= (kronos.now() at time zone 'UTC')::date
                                              then shard.used else 0 end) as left_over
              from kronos.quota_shards as shard
             where shard.workspace_id = p_workspace_id) as days
     where days.left_over is not null                            -- greatest() would make 0 of null
$$;
