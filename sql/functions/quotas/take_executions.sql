-- take_executions: count executions that are about to be created against their workspace's
-- max_executions_per_day. Nearly always one shard of sixteen has room, and is locked until the transaction
-- ends; locked shards are skipped. If none has room for all, the shards that no other session holds divide
-- their room anew. If that is too little as well, only the locked shards may have room. So sessions together
-- never create more than the day allows, and none is rejected while there is room.
-- It does not wait: rings and the ends of deliveries call it, which serve all workspaces, and an
-- application's transaction may hold its shard for any time. The two searches are a subtransaction, so that
-- locks taken in vain are released.
-- The day is that of kronos.now(), in UTC. A counter for the whole day costs one row, while the last 24 hours
-- would cost one per bucket; and all callers of a workspace know when it restarts.
-- Returns: null if they are counted, or there is no limit; otherwise the reason: quota, used, limit, asked,
-- resets_at, retry_after_seconds. With is_held, it is not known yet, because other sessions hold the
-- remainder: nothing is counted, and the caller tries again (count_executions waits for them). The setting
-- kronos.quota_shard is the highest shard that the transaction has locked (await_shards).
create or replace function kronos.take_executions(p_workspace_id uuid, p_number bigint) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
declare
    c_none    constant text := 'KR043';
    v_today   constant date := (kronos.now() at time zone 'UTC')::date;
    v_held    constant smallint := nullif(current_setting('kronos.quota_shard', true), '')::smallint;
    v_shard   smallint;
    v_shards  smallint[];
    v_used    bigint;
    v_limit   bigint;
    v_room    bigint;
begin
    if p_number = 0 then
        return null;
    end if;
    begin
        update kronos.quota_shards as shard
           set used = case when shard.day >= v_today then shard.used else 0 end + p_number,
               share = case when shard.day >= v_today then shard.share else shard.day_share end,
               day = greatest(shard.day, v_today)
          from (select free.shard
                  from kronos.quota_shards as free
                 where free.workspace_id = p_workspace_id
                   and case when free.day >= v_today then free.share - free.used
                            else free.day_share end >= p_number
                 order by random()
                 limit 1
                   for update skip locked) as chosen
         where shard.workspace_id = p_workspace_id and shard.shard = chosen.shard
        returning shard.shard into v_shard;
        if found then
            perform set_config('kronos.quota_shard', greatest(v_shard, v_held)::text, true);
            return null;
        end if;
        v_shards := array(select shard from kronos.quota_shards
                           where workspace_id = p_workspace_id order by shard for update skip locked);
        if kronos.room_in(p_workspace_id, v_today, v_shards) >= p_number then
            perform kronos.share_out(p_workspace_id, v_today, p_number, v_shards);
            perform set_config('kronos.quota_shard',
                               greatest(v_shards[cardinality(v_shards)], v_held)::text, true);
            return null;
        end if;
        raise exception using errcode = c_none;
    exception when sqlstate 'KR043' then
        null;      -- no shard is locked
    end;
    select sum(case when day >= v_today then used else 0 end), sum(day_share),
           sum(case when day >= v_today then share - used else day_share end) into v_used, v_limit, v_room
      from kronos.quota_shards where workspace_id = p_workspace_id;
    return (select jsonb_build_object('quota', 'executions_per_day', 'used', v_used, 'limit', v_limit,
                                      'asked', p_number,
                                      'resets_at', kronos.iso((v_today + 1)::timestamp at time zone 'UTC'),
                                      'retry_after_seconds', kronos.day_left())
                   || case when v_room >= p_number then '{"is_held": true}' else '{}' end::jsonb
             where v_limit is not null);
end
$$;
