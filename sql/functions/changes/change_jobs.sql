-- change_jobs: a step of one RUNNING operation over jobs whose time has come, of a workspace by chance and of
-- its operations by chance, so that none waits for ever behind the others, and another's one not behind a
-- workspace's many; of one, because two that change the same job are two changes of the audit. One that
-- cannot go on ends as FAILED and stops no other; what may pass is tried again half a second later. It costs
-- an index's probe while none is RUNNING.
-- Returns: how many jobs were dealt with; null while none can go on, or the instance is held.
create or replace function kronos.change_jobs() returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_operation_id uuid;
begin
    if kronos.is_held()
    or not exists (select
                     from kronos.operations as operation
                     join kronos.workspaces as workspace using (workspace_id)
                    where operation.status = 'RUNNING' and operation.kind not in ('REDRIVE', 'DISCARD')
                      and workspace.status = 'ACTIVE') then
        return null;
    end if;
    select operation.operation_id into v_operation_id
      from kronos.operations as operation
      join kronos.workspaces as workspace using (workspace_id)
     where operation.status = 'RUNNING' and operation.kind not in ('REDRIVE', 'DISCARD')
       and operation.next_at <= kronos.clock()
       and workspace.status = 'ACTIVE'
     order by row_number() over (partition by operation.workspace_id order by random()),
              gen_random_uuid()      -- not random(): the same expression is the same number
     limit 1;
    if not found then
        return 0;
    end if;
    return kronos.change_some(v_operation_id);
exception when others then
    if kronos.is_passing(sqlstate) then
        update kronos.operations
           set next_at = kronos.clock() + interval '0.5 seconds'
         where operation_id = v_operation_id and status = 'RUNNING';
    else
        raise warning 'kronos: operation % cannot go on: % (%)', v_operation_id, sqlerrm, sqlstate;
        perform kronos.end_operation(v_operation_id, 'FAILED',
                                     jsonb_build_object('code', 'cannot_go_on', 'detail', sqlerrm,
                                                        'sqlstate', sqlstate));
    end if;
    return 0;
end
$$;
