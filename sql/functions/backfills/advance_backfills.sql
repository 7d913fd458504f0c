-- advance_backfills: calls advance_backfill for up to 100 RUNNING backfills, in random order, so that none is
-- starved by the others. It creates at most p_limit executions in all, within one second, and always advances
-- at least one backfill. A backfill that cannot continue ends as FAILED and does not stop the others; a
-- passing error (a lock, a shortage) is retried by the next call. While no backfill is RUNNING, it costs one
-- index probe.
-- Returns: the number of executions created; null while no backfill is RUNNING, or the instance is held.
create or replace function kronos.advance_backfills(p_limit integer) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_backfill_id uuid;
    v_made        integer := 0;
    v_tried       integer := 0;
    -- callers have other things to do
    v_until       timestamptz := kronos.clock() + interval '1 second';
begin
    if not exists (select from kronos.backfills where status = 'RUNNING') or kronos.is_held() then
        return null;
    end if;
    for v_backfill_id in
        select backfill_id from kronos.backfills where status = 'RUNNING' order by random() limit 100
    loop
        exit when v_tried > 0 and kronos.clock() >= v_until;
        v_tried := v_tried + 1;
        begin
            v_made := v_made + kronos.advance_backfill(v_backfill_id, p_limit - v_made);
        exception when others then
            raise warning 'kronos: backfill % cannot continue: % (%)', v_backfill_id, sqlerrm, sqlstate;
            if not kronos.is_passing(sqlstate) then
                update kronos.backfills
                   set status = 'FAILED', completed_at = kronos.clock(),
                       status_reason = jsonb_build_object('code', 'cannot_go_on', 'detail', sqlerrm,
                                                          'sqlstate', sqlstate)
                 where backfill_id = v_backfill_id
                   and status = 'RUNNING';
            end if;
        end;
    end loop;
    return v_made;
end
$$;
