-- release_keys: release_key for all executions that a statement has ended, by their endpoints and keys. It
-- runs after the gates are locked, so it sees what was parked meanwhile. The statement turns off the trigger
-- with the setting kronos.frees_keys, which this function resets.
-- Returns: the number of executions released.
create or replace function kronos.release_keys(p_endpoint_ids uuid[], p_keys text[]) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_endpoint_id uuid;
    v_key         text collate "C";
    v_released    integer := 0;
begin
    for v_endpoint_id, v_key in
        select distinct ended.endpoint_id, ended.key
          from unnest(p_endpoint_ids, p_keys) as ended (endpoint_id, key)
         where (select true
                  from kronos.execution_live as live
                 where live.endpoint_id = ended.endpoint_id and live.concurrency_key = ended.key
                   and live.parked_at is not null
                 limit 1)
    loop
        v_released := v_released + kronos.release_parked(v_endpoint_id, v_key);
    end loop;
    perform set_config('kronos.frees_keys', '', true);
    return v_released;
end
$$;
