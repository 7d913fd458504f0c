-- release_all_parked: the net under release_key: parked executions for which there is room and that nobody
-- has let go, since a limit was changed or taken away, or a worker of the release before took part, which
-- waits for no gate. Where nothing is parked it is one look at an empty index. A call looks at 32 keys, and
-- the session's next call at the next ones; with p_all at all of them; for 50 ms at most, and at one key
-- in any case: on a machine so busy that 50 ms pass before, none would ever be let go.
-- Returns: how many executions were let go. One key that cannot be looked at is warned of and stops no other.
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
            raise warning 'kronos: what waits under the concurrency key % of endpoint % cannot be let go: '
                          '% (%)', v_key, v_endpoint_id, sqlerrm, sqlstate;
        end;
    end loop;
    perform set_config('kronos.parked_endpoint', coalesce(v_endpoint_id::text, ''), false),
            set_config('kronos.parked_key', coalesce(v_key, ''), false);
    return v_released;
end
$$;
