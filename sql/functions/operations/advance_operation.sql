-- advance_operation: processes the next p_limit rows of an operation, oldest first, and records its progress,
-- in one transaction: a crash leaves nothing half done and nothing done twice. With per_second it takes a
-- quarter of a second's share at a time and delays its next step accordingly. It takes only dead letters that
-- failed before the operation was created, so it never takes those that it made due itself and that fail
-- again. A REDRIVE waits while the workspace is suspended. The operation ends when its caller loses
-- permission (stopped_with_caller).
-- Does not wait for another session that works on the same operation, and waits at most 50 ms for any lock:
-- its callers keep leases and backfills going, and hold locks of these. So of two sessions that wait for each
-- other, this one gives way.
-- Lock order: the operation, its dead letters in the order of their ids, then as take_up_again. A dead letter
-- that has disappeared in between belongs to another session: if it has failed again since, it is a new dead
-- letter.
-- Returns: how many rows it processed.
create or replace function kronos.advance_operation(p_operation_id uuid, p_limit integer) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
declare
    v_operation kronos.operations;
    v_limit     integer;
    v_rows      integer;
    v_ids       uuid[];
    v_is_end    boolean;
    v_failures  jsonb;
begin
    select * into v_operation
      from kronos.operations
     where operation_id = p_operation_id and status = 'RUNNING' and next_at <= kronos.clock()
       for update skip locked;
    if not found or v_operation.kind not in ('REDRIVE', 'DISCARD') or v_operation.kind = 'REDRIVE'
       and not exists (select from kronos.workspaces
                        where workspace_id = v_operation.workspace_id and status = 'ACTIVE')
    or kronos.stopped_with_caller(v_operation) then
        return 0;
    end if;
    v_limit := least(p_limit, coalesce(ceil(v_operation.per_second / 4.0)::integer, p_limit));
    with found as materialized (
        select each.execution_id, each.failed_at
          from kronos.find_dead_letters(v_operation.workspace_id, v_operation.which, v_operation.position_at,
                                        v_operation.position_id, v_limit, true) as each
    ), held as materialized (
        select letter.execution_id, letter.failed_at
          from found
          join kronos.dead_letters as letter using (execution_id)
         order by letter.execution_id
           for update of letter
    ), last as (
        select found.failed_at, found.execution_id
          from found
         order by found.failed_at desc, found.execution_id desc
         limit 1
    )
    select array(select held.execution_id from held order by held.failed_at, held.execution_id),
           (select count(*) from found) < v_limit,
           coalesce((select last.failed_at from last), v_operation.position_at),
           coalesce((select last.execution_id from last), v_operation.position_id)
      into v_ids, v_is_end, v_operation.position_at, v_operation.position_id;
    v_rows := cardinality(v_ids);
    v_failures := case when v_rows = 0 then '{}'
                       when v_operation.kind = 'REDRIVE' then kronos.redrive_dead_letters(v_operation, v_ids)
                       else kronos.discard_dead_letters(v_operation, v_ids) end;
    update kronos.operations
       set done = done + v_rows - (select coalesce(sum(reason.number::integer), 0)
                                     from jsonb_each_text(v_failures) as reason (code, number)),
           failed = failed + (select coalesce(sum(reason.number::integer), 0)
                                from jsonb_each_text(v_failures) as reason (code, number)),
           failures = kronos.added(failures, v_failures),
           position_at = v_operation.position_at,
           position_id = v_operation.position_id,
           next_at = case when per_second is null then next_at
                          else kronos.clock()
                               + make_interval(secs => v_rows::double precision / per_second) end,
           status = case when v_is_end then 'COMPLETED' else 'RUNNING' end,
           completed_at = case when v_is_end then kronos.clock() end
     where operation_id = p_operation_id;
    return v_rows;
end
$$;
