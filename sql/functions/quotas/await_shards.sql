-- await_shards: locks all shards of a workspace's day, and waits for who holds them: for those below the
-- highest that this transaction holds (kronos.quota_shard) half a second at most, then for the others in
-- their order.   Raises: 40P01 where it gives way.
create or replace function kronos.await_shards(p_workspace_id uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    c_patience constant integer := 500;
    v_highest  constant integer := coalesce(nullif(current_setting('kronos.quota_shard', true), ''), '-1');
    v_timeout  constant text    := current_setting('lock_timeout');
begin
    begin
        perform set_config('lock_timeout', format('%sms', c_patience), true)
           from pg_settings
          where name = 'lock_timeout' and (setting::integer = 0 or setting::integer > c_patience);
        perform from kronos.quota_shards
          where workspace_id = p_workspace_id and shard < v_highest
          order by shard
            for update;
        perform set_config('lock_timeout', v_timeout, true);
    exception when lock_not_available then
        raise exception using
            errcode = 'deadlock_detected',
            message = 'other transactions hold the last executions of the workspace''s day, and may wait for '
                      'those that this one holds',
            hint = 'do it again: roll back, and begin anew';
    end;
    perform from kronos.quota_shards
      where workspace_id = p_workspace_id and shard > v_highest
      order by shard
        for update;
end
$$;
