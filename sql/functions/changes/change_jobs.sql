-- change_jobs: performs one step of one RUNNING operation over jobs that is due. A random workspace is
-- chosen, then one of its operations at random, so that no operation is starved by others, and no workspace
-- by another's many operations. One step at a time, because two operations that change the same job are two
-- changes in the audit.
-- An operation that cannot continue ends as FAILED and does not stop the others; a passing error is retried
-- half a second later. While no operation is RUNNING, this costs one index probe.
-- Returns: the number of jobs processed; null while no operation can continue, or the instance is held.
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
              gen_random_uuid()      -- not random(): a repeated expression gives the same number
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
        raise warning 'kronos: operation % cannot continue: % (%)', v_operation_id, sqlerrm, sqlstate;
        perform kronos.end_operation(v_operation_id, 'FAILED',
                                     jsonb_build_object('code', 'cannot_go_on', 'detail', sqlerrm,
                                                        'sqlstate', sqlstate));
    end if;
    return 0;
end
$$;
