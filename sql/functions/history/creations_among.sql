-- creations_among: the one-shots among the given executions whose creator is known, as rows of the audit
-- (one_shots_made).
-- Returns: in no order. Runs as the caller: row level security applies.
create or replace function kronos.creations_among(p_execution_ids uuid[])
returns table (audit_id uuid, at timestamptz, actor text, key_id text, address text, request_id text,
               database_user text, object_id text, object text, after jsonb)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off
as $$
begin
    return query
        select made.execution_id, made.created_at, made.created_by ->> 'actor', made.created_by ->> 'key',
               made.created_by ->> 'address', made.created_by ->> 'request_id',
               made.created_by ->> 'database_user', made.job_id::text, job.name,
               jsonb_build_object('endpoint', endpoint.name, 'run_at', kronos.iso(made.scheduled_at),
                                  'priority', coalesce(made.priority, 0),
                                  'input', kronos.shown_field('input', made.input))
          from (select live.execution_id, live.created_at, live.created_by, live.job_id, live.endpoint_id,
                       live.scheduled_at, live.priority, live.input
                  from kronos.execution_live as live
                 where live.execution_id = any (p_execution_ids)
                 union all
                select done.execution_id, done.created_at, done.created_by, done.job_id, done.endpoint_id,
                       done.scheduled_at, done.priority, done.input
                  from kronos.done_among(p_execution_ids) as done) as made
          join kronos.endpoints as endpoint on endpoint.endpoint_id = made.endpoint_id
          left join kronos.jobs as job on job.job_id = made.job_id
         where made.created_by is not null;
end
$$;
