-- name: list_dead_letters
-- First the ids of the page, plus one; then each row from the partition that its id names, up to %(bytes)s in
-- total.
with page as materialized (
    select array(
           select found.execution_id
             from kronos.find_dead_letters(
                      kronos.current_workspace_id(),
                      kronos.dead_letter_filter(%(endpoint)s, %(job)s, %(error_type)s, %(q)s,
                                                %(after)s::timestamptz, %(before)s::timestamptz),
                      coalesce(%(before_failed_at)s::timestamptz, 'infinity'),
                      coalesce(%(before_id)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
                      %(limit)s::integer + 1) as found) as ids
)
select {Execution},
       count(*) over () < cardinality(page.ids) as _more
  from page
 cross join lateral kronos.read_execution_page(page.ids, %(limit)s::integer, %(bytes)s::integer) as execution
  join lateral kronos.links_of(page.ids) as link using (execution_id)
 where workspace_id = kronos.current_workspace_id()
 order by completed_at desc, execution_id desc;

-- name: list_dead_letter_groups
-- By endpoint and type of error, the largest group first, from the newest %(most)s. No row: there are none.
select endpoint, error_type, number, jobs, first_failed_at, last_failed_at, execution_id, message,
       looked_at as _counted
  from kronos.dead_letter_groups(kronos.current_workspace_id(),
                                 kronos.dead_letter_filter(%(endpoint)s, %(job)s, %(error_type)s, %(q)s,
                                                           %(after)s::timestamptz, %(before)s::timestamptz),
                                 %(most)s::integer, %(limit)s::integer);

-- name: count_dead_letters
-- How many there are. absent: the named endpoint or job does not exist. One row.
select which.filter ->> 'absent' as absent,
       (select count(*)
          from kronos.find_dead_letters(kronos.current_workspace_id(), which.filter, 'infinity',
                                        'ffffffff-ffff-ffff-ffff-ffffffffffff', null)) as number
  from (select kronos.dead_letter_filter(%(endpoint)s, %(job)s, %(error_type)s, %(q)s, %(after)s::timestamptz,
                                         %(before)s::timestamptz) as filter) as which;

-- name: insert_operation
-- Insert an operation over everything that has failed so far. absent, instead of an id: the object that the
-- filter names does not exist. No row: the workspace is suspended and redrives nothing.
with which as materialized (
    select kronos.dead_letter_filter(%(endpoint)s, %(job)s, %(error_type)s, %(q)s, %(after)s::timestamptz,
                                     least(%(before)s::timestamptz, kronos.now())) as filter
), made as (
    insert into kronos.operations (operation_id, workspace_id, kind, asked, which, endpoint_version,
                                   per_second, total, created_at, next_at, caller)
    select %(operation_id)s, workspace.workspace_id, %(kind)s, %(asked)s, which.filter, %(endpoint_version)s,
           %(per_second)s::integer,
           (select count(*)
              from kronos.find_dead_letters(workspace.workspace_id, which.filter, 'infinity',
                                            'ffffffff-ffff-ffff-ffff-ffffffffffff', null)),
           kronos.now(), kronos.now(), nullif(current_setting('kronos.caller', true), '')::jsonb
      from which
      join kronos.workspaces as workspace on workspace.workspace_id = kronos.current_workspace_id()
     where not which.filter ? 'absent'
       and (workspace.status = 'ACTIVE' or %(kind)s = 'DISCARD')
    returning operation_id, workspace_id
), kept as (
    insert into kronos.idempotency_keys (workspace_id, operation, idempotency_key, request_sha256,
                                         resource_id)
    select workspace_id, lower(%(kind)s), %(idempotency_key)s, %(request_sha256)s, operation_id
      from made
     where %(idempotency_key)s::text is not null
)
select operation_id, null::text as absent from made
 union all
select null::uuid, which.filter ->> 'absent' from which where which.filter ? 'absent';

-- name: get_operation
select {BulkOperation}
  from kronos.operation_details
 where workspace_id = kronos.current_workspace_id()
   and operation_id = %(operation_id)s;

-- name: list_operations
select {BulkOperation}
  from kronos.operation_details
 where workspace_id = kronos.current_workspace_id()
   and (created_at, operation_id)
       < (case when %(before_created_at)s::timestamptz is null then 'infinity'
               else %(before_created_at)s::timestamptz end,
          case when %(before_id)s::uuid is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
               else %(before_id)s::uuid end)
 order by created_at desc, operation_id desc
 limit %(limit)s;

-- name: cancel_operation
-- False: it is not RUNNING, or does not exist.
select coalesce((select kronos.end_operation(operation.operation_id, 'CANCELLED',
                                             jsonb_build_object('code', 'cancelled',
                                                                'detail', 'cancelled over the API'))
                   from kronos.operations as operation
                  where operation.workspace_id = kronos.current_workspace_id()
                    and operation.operation_id = %(operation_id)s), false) as is_cancelled;
