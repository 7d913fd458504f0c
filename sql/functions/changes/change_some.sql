-- change_some: the next jobs of an operation that pauses, resumes, cancels or triggers many (change_next),
-- and where it has come to, in one transaction: a crash anywhere leaves nothing behind and nothing twice.
-- Waits for no other session that is at work on the same operation, and for any lock 50 ms at most: of two
-- that wait for each other it gives way. Not while the workspace is suspended, or is being suspended, resumed
-- or deleted at this moment.
-- Who began it is who changes each job, in the audit, and it goes on while they may (stopped_with_caller).
-- What is set for that, and by the routes' functions, is set back, for its caller has other things to do in
-- the transaction.
-- Lock order: the operation, the workspace's lock, shared; then as the routes' functions. Of several jobs the
-- newest comes first, against the order of others who lock several: these wait longer, and it gives way.
-- Returns: how many jobs it dealt with.   Raises: as change_next.
create or replace function kronos.change_some(p_operation_id uuid) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '50ms'
as $$
declare
    c_settings constant text[] := array['kronos.workspace_id', 'kronos.caller', 'kronos.quotas',
                                        'kronos.settled_at', 'kronos.settled_job_id', 'kronos.has_runs_left'];
    v_settings constant text[] := array(select coalesce(current_setting(name, true), '')
                                          from unnest(c_settings) with ordinality as each (name, nth)
                                         order by nth);
    v_operation kronos.operations;
    v_rows      integer;
begin
    select * into v_operation
      from kronos.operations
     where operation_id = p_operation_id and status = 'RUNNING' and next_at <= kronos.clock()
       and kind not in ('REDRIVE', 'DISCARD')
       for update skip locked;
    if not found
    or not pg_try_advisory_xact_lock_shared(kronos.workspace_lock(v_operation.workspace_id))
    or not exists (select from kronos.workspaces
                    where workspace_id = v_operation.workspace_id and status = 'ACTIVE')
    or kronos.stopped_with_caller(v_operation) then
        return 0;
    end if;
    perform kronos.find_workspace(v_operation.workspace_id::text);      -- sets kronos.quotas
    perform set_config('kronos.workspace_id', v_operation.workspace_id::text, true),
            set_config('kronos.caller', coalesce(v_operation.caller::text, ''), true);
    v_rows := kronos.change_next(v_operation);
    perform set_config(each.name, each.value, true) from unnest(c_settings, v_settings) as each (name, value);
    return v_rows;
end
$$;
