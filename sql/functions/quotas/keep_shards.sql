-- keep_shards: give a workspace with max_executions_per_day its sixteen counters, which start with nothing
-- used. If the limit changes, the executions used today stay used. If the limit is removed, so are the
-- counters. Locks all of them, in their order.
create or replace function kronos.keep_shards() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_today constant date := (kronos.now() at time zone 'UTC')::date;
begin
    perform from kronos.quota_shards where workspace_id = new.workspace_id order by shard for update;
    if new.max_executions_per_day is null then
        delete from kronos.quota_shards where workspace_id = new.workspace_id;
        return null;
    end if;
    insert into kronos.quota_shards (workspace_id, shard, day, share, day_share)
    select new.workspace_id, nth, v_today, 0, 0 from generate_series(0, 15) as nth
        on conflict (workspace_id, shard) do nothing;
    update kronos.quota_shards
       set day_share = new.max_executions_per_day / 16 + (shard < new.max_executions_per_day % 16)::integer
     where workspace_id = new.workspace_id;
    update kronos.quota_shards
       set used = case when day >= v_today then used else 0 end, day = greatest(day, v_today),
           -- all of the day in one shard, then shared out
           share = case when shard = 0 then new.max_executions_per_day else 0 end
     where workspace_id = new.workspace_id;
    perform kronos.share_out(new.workspace_id, v_today, 0,
                             array(select shard from kronos.quota_shards
                                    where workspace_id = new.workspace_id order by shard));
    return null;
end
$$;
create or replace trigger workspaces_keep_shards
    after update of max_executions_per_day on kronos.workspaces
    for each row when (old.max_executions_per_day is distinct from new.max_executions_per_day)
    execute function kronos.keep_shards();
