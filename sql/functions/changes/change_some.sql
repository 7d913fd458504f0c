-- change_some: performs the next step of an operation that pauses, resumes, cancels or triggers many jobs
-- (change_next), and stores its position, in one transaction: a crash at any point leaves nothing behind and
-- repeats nothing. It does not wait for a session that works on the same operation, and waits for any lock at
-- most 50 ms: of two sessions that wait for each other, it gives way. It does nothing while the workspace is
-- suspended, or is being suspended, resumed or deleted.
--
-- In the audit, each change is made by the caller who started the operation, and the operation continues only
-- while that caller is allowed to do this (stopped_with_caller). The settings for that, and those that the
-- routes' functions make, are restored, because the caller's transaction has other work.
-- Lock order: the operation, the workspace's lock, shared; then as the routes' functions. The newest job
-- comes first, against the order of other sessions that lock several: those wait longer, and it gives way.
-- Returns: the number of jobs processed.
-- Raises: as change_next.
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
