-- take_executions: counts executions that are about to be made against their workspace's
-- max_executions_per_day. Nearly always one shard of sixteen has room, and is locked until the transaction
-- ends; one that somebody holds is passed over. Where none has room for all, those that nobody holds share
-- theirs out anew. Where that is too little too, there is room in those that are held, or none: so no two
-- sessions together make more than the day allows, and none is refused what there is room for. It waits for
-- nobody: it is asked by rings and by ends of deliveries, which serve all workspaces, and an application's
-- transaction holds its shard for as long as it likes. The two looks are a subtransaction: what they have
-- locked in vain they give back.
-- The day is kronos.now()'s, in UTC: a counter for the whole day costs a row, where the last 24 hours would
-- cost one for each bucket of them; and all of a workspace's callers know when it begins again.
-- Returns: null where they are counted, or there is no limit; else why not: quota, used, limit, asked,
-- resets_at, retry_after_seconds; with is_held where it is not known yet, because others hold what is left:
-- then nothing is counted, and whoever asks asks again (count_executions waits for them). The setting
-- kronos.quota_shard is the highest that the transaction has locked (await_shards).
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
        null;      -- and no shard is held
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
