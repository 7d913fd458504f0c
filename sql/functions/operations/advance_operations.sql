-- advance_operations: runs one step of up to 20 RUNNING operations over dead letters that are due. One of
-- each workspace comes before another workspace's second; otherwise the order is random, so that none waits
-- forever behind others. Takes at most a quarter of a second, but always runs one, however busy the machine
-- is: its locks are held until its caller commits. An operation that waits for its workspace (a REDRIVE,
-- while that is suspended) is not counted, and makes no call worthwhile.
-- An operation that cannot continue ends as FAILED and stops no other. After a temporary error (a lock, a
-- shortage) it is tried again half a second later. Costs one index probe while no operation is RUNNING.
-- Returns: how many rows were processed; null while no operation can continue, or while the instance is held.
create or replace function kronos.advance_operations(p_limit integer) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_operation_id uuid;
    v_rows         integer := 0;
    v_tried        integer := 0;
    -- callers have other work to do
    v_until        timestamptz := kronos.clock() + interval '250 milliseconds';
begin
    if kronos.is_held()
    or not exists (select
                     from kronos.operations as operation
                     join kronos.workspaces as workspace using (workspace_id)
                    where operation.status = 'RUNNING' and operation.kind in ('REDRIVE', 'DISCARD')
                      and (operation.kind = 'DISCARD' or workspace.status = 'ACTIVE')) then
        return null;
    end if;
    for v_operation_id in
        select operation.operation_id
          from kronos.operations as operation
          join kronos.workspaces as workspace using (workspace_id)
         where operation.status = 'RUNNING' and operation.kind in ('REDRIVE', 'DISCARD')
           and operation.next_at <= kronos.clock()
           and (operation.kind = 'DISCARD' or workspace.status = 'ACTIVE')
         order by row_number() over (partition by operation.workspace_id order by random()),
                  gen_random_uuid()      -- not random(): the same expression would give the same number
         limit 20
    loop
        exit when v_rows >= p_limit or (v_tried > 0 and kronos.clock() >= v_until);
        v_tried := v_tried + 1;
        begin
            v_rows := v_rows + kronos.advance_operation(v_operation_id, least(100, p_limit - v_rows));
        exception when others then
            if kronos.is_passing(sqlstate) then
                update kronos.operations
                   set next_at = kronos.clock() + interval '0.5 seconds'
                 where operation_id = v_operation_id and status = 'RUNNING';
                exit;      -- do not hold the locks of earlier steps while waiting for others
            else
                raise warning 'kronos: operation % cannot continue: % (%)', v_operation_id, sqlerrm, sqlstate;
                perform kronos.end_operation(v_operation_id, 'FAILED',
                                             jsonb_build_object('code', 'cannot_go_on', 'detail', sqlerrm,
                                                                'sqlstate', sqlstate));
            end if;
        end;
    end loop;
    return v_rows;
end
$$;
