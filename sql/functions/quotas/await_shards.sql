-- await_shards: lock all shards of a workspace's day. Waits for sessions that hold them without limit, or up
-- to lock_timeout: first for the shards below the highest that this transaction holds (kronos.quota_shard),
-- which is against the lock order, then for the others in order. Against the order it waits half a second at
-- a time, and gives way if other transactions wait for this one by then (is_awaited).
-- Raises: 40P01 if it gives way, 55P03 after lock_timeout.
create or replace function kronos.await_shards(p_workspace_id uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    c_patience constant integer := 500;      -- less than deadlock_timeout
    v_highest  constant integer := coalesce(
        nullif(current_setting('kronos.quota_shard', true), '')::integer, -1);
    v_timeout  constant text    := current_setting('lock_timeout');
    v_limit    constant integer := (select setting::integer from pg_settings where name = 'lock_timeout');
    v_waited   integer          := 0;
    v_now      integer;
begin
    loop
        v_now := least(c_patience, nullif(v_limit, 0) - v_waited);
        begin
            perform set_config('lock_timeout', format('%sms', v_now), true);
            perform from kronos.quota_shards
              where workspace_id = p_workspace_id and shard < v_highest
              order by shard
                for update;
            perform set_config('lock_timeout', v_timeout, true);
            exit;
        exception when lock_not_available then
            v_waited := v_waited + v_now;
            if v_waited = v_limit then
                raise;
            elsif kronos.is_awaited() then
                raise exception using
                    errcode = 'deadlock_detected',
                    message = 'other transactions hold the last executions of the workspace''s day, and '
                              'wait for those that this one holds',
                    hint = 'Roll back and run the transaction again.';
            end if;
        end;
    end loop;
    perform from kronos.quota_shards
      where workspace_id = p_workspace_id and shard > v_highest
      order by shard
        for update;
end
$$;
