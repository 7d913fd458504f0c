-- runs_told: the facts of executions for `explain`. Row level security applies.
-- Returns: one row per execution that exists.
create or replace function kronos.runs_told(p_execution_ids uuid[])
returns table (execution_id uuid, scheduled_at timestamptz, facts jsonb)
language plpgsql stable rows 50 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_ids constant uuid[] := array_remove(p_execution_ids, null);      -- a null would match every partition
begin
    return query
        select run.execution_id, run.scheduled_at,
               jsonb_build_object('execution_id', run.execution_id, 'cause', run.cause, 'status', run.status,
                                  'status_reason', run.status_reason,
                                  'scheduled_at', kronos.iso(run.scheduled_at),
                                  'run_at', kronos.iso(run.run_at), 'due_at', kronos.iso(run.due_at),
                                  'is_held', run.is_held, 'created_at', kronos.iso(run.created_at),
                                  'started_at', kronos.iso(run.started_at),
                                  'completed_at', kronos.iso(run.completed_at),
                                  'lease_until', kronos.iso(run.lease_until),
                                  'attempt_count', run.attempt_count, 'max_attempts', run.max_attempts,
                                  'tick_count', run.tick_count,
                                  'worker_id', run.worker_id, 'error', run.error,
                                  'caused_by', link.caused_by, 'callbacks', link.callbacks,
                                  'deadline_at', kronos.iso(run.deadline_at),
                                  'is_age_limited', run.is_age_limited,
                                  'cancel_reason', run.cancel_reason, 'key_full', run.key_full)
          from (select live.execution_id, live.cause,
                       case when live.claim_token is not null                  then 'RUNNING'
                            when live.attempt_count > 0                        then 'RETRYING'
                            when live.parked_at is not null                    then 'QUEUED'
                            when live.visible_at > kronos.now()                       then 'PENDING'
                            else 'QUEUED'
                       end as status,
                       null::jsonb as status_reason, live.scheduled_at, live.run_at,
                       case when live.claim_token is null
                            then nullif(coalesce(live.parked_at, live.visible_at), 'infinity') end as due_at,
                       live.visible_at = 'infinity' as is_held, live.created_at,
                       live.started_at, null::timestamptz as completed_at,
                       case when live.claim_token is not null then live.visible_at end as lease_until,
                       live.attempt_count, live.max_attempts, 1 as tick_count, live.worker_id, live.error,
                       live.deadline_at,
                       live.is_age_limited and live.deadline_at >= kronos.age_limit(live) as is_age_limited,
                       live.cancel_reason,
                       case when live.parked_at is not null
                            then kronos.key_state(live.endpoint_id, live.concurrency_key,
                                                  live.parked_at) end as key_full
                  from kronos.execution_live as live
                 where live.execution_id = any (v_ids)
                union all
                select done.execution_id, done.cause, done.status, done.status_reason, done.scheduled_at,
                       done.run_at, null, false, done.created_at, done.started_at, done.completed_at, null,
                       done.attempt_count, done.max_attempts, done.tick_count, done.worker_id, done.error,
                       null, null, null, null
                  from kronos.done_among(v_ids) as done) as run
          join kronos.links_of(v_ids) as link using (execution_id);
end
$$;
