-- release_all_parked: the safety net under release_key: releases parked executions that have room and were
-- not released, because a limit was changed or removed, or a worker of the previous release was involved,
-- which waits for no gate. If nothing is parked, this is one read of an empty index.
-- One call checks 32 keys, and the session's next call the following ones; with p_all it checks all of them.
-- It takes at most 50 ms, but always checks at least one key: otherwise, on a machine so busy that 50 ms pass
-- before the first, none would ever be released. A key that fails is logged as a warning and does not stop
-- the others.
-- Returns: the number of executions released.
create or replace function kronos.release_all_parked(p_all boolean) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off
set jit = off
as $$
declare
    c_keys        constant integer := 32;
    v_until       constant timestamptz := kronos.clock() + interval '50 milliseconds';
    v_endpoint_id uuid :=
        coalesce(nullif(current_setting('kronos.parked_endpoint', true), ''),
                 '00000000-0000-0000-0000-000000000000')::uuid;
    v_key         text collate "C" := coalesce(current_setting('kronos.parked_key', true), '');
    v_nth         integer := 0;
    v_released    integer := 0;
begin
    perform from kronos.execution_live where parked_at is not null limit 1;
    if not found then
        return 0;
    end if;
    while v_nth = 0 or ((p_all or v_nth < c_keys) and kronos.clock() < v_until) loop
        select live.endpoint_id, live.concurrency_key into v_endpoint_id, v_key
          from kronos.execution_live as live
         where live.parked_at is not null
           and (live.endpoint_id, live.concurrency_key) > (v_endpoint_id, v_key)
         order by live.endpoint_id, live.concurrency_key
         limit 1;
        exit when not found;
        v_nth := v_nth + 1;
        begin
            v_released := v_released + kronos.release_parked(v_endpoint_id, v_key);
        exception when others then
            raise warning 'kronos: executions parked under concurrency key % of endpoint % cannot be '
                          'released: % (%)', v_key, v_endpoint_id, sqlerrm, sqlstate;
        end;
    end loop;
    perform set_config('kronos.parked_endpoint', coalesce(v_endpoint_id::text, ''), false),
            set_config('kronos.parked_key', coalesce(v_key, ''), false);
    return v_released;
end
$$;
