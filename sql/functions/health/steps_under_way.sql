-- steps_under_way: decisions that are carried out in steps (kronos.turns, kronos.cancelled_jobs), followed by
-- the operations that run in steps, for the instance's administrator: the oldest of each, up to p_limit in
-- total.
-- Returns: nearly always no row. remaining: for a SUSPENSION or RESUMPTION, about how many jobs have yet to
-- follow their workspace; for a CANCELLATION, how many executions of that version of the job have yet to end,
-- counted up to 10,000; for an operation (REDRIVE, DISCARD), about how many dead letters are left; for a
-- DELETION of a workspace, about how many rows are left.
create or replace function kronos.steps_under_way(p_limit integer)
returns table (kind text, workspace text, job_id uuid, remaining bigint, since timestamptz, last_error jsonb,
               operation_id uuid)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return query
        select step.kind, workspace.slug, step.job_id,
               case when step.operation_id is not null then step.remaining
                    when step.kind = 'CANCELLATION'
                    then (select count(*)
                            from (select from kronos.execution_live as live
                                   where live.job_id = step.job_id
                                     and live.job_id <> live.execution_id
                                     and (live.claim_token is null or live.cancel_reason is null)
                                   limit 10000) as open)
                    else kronos.jobs_left(step.workspace_id) end,
               step.since, step.last_error, step.operation_id
          from (select 1 as place, case when cardinality(turn.instants) % 2 = 1 then 'SUSPENSION'
                                        else 'RESUMPTION' end as kind,
                       turn.workspace_id, null::uuid as job_id, turn.turned_at as since, turn.last_error,
                       null::uuid as operation_id, null::bigint as remaining
                  from kronos.turns as turn
                 union all
                select 1, 'CANCELLATION', job.workspace_id, job.job_id, job.cancelled_at, job.last_error,
                       null, null
                  from kronos.cancelled_jobs as job
                 union all
                select 2, operation.kind, operation.workspace_id, null, operation.created_at, null,
                       operation.operation_id,
                       greatest(operation.total - operation.done - operation.failed, 0)
                  from kronos.operations as operation
                 where operation.status = 'RUNNING'
                 union all
                select 2, 'DELETION', deletion.deleted_id, null, deletion.created_at, deletion.last_error,
                       deletion.operation_id, greatest(deletion.total - deletion.done, 1)
                  from kronos.deletions as deletion
                 where deletion.status = 'RUNNING'
                 order by place, since
                 limit p_limit) as step
          join kronos.workspaces as workspace using (workspace_id)
         order by step.place, step.since;
end
$$;
