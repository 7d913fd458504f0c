-- make_backfill_batch: decides on up to p_batch ticks of a backfill, from its next_at, and creates the
-- executions of those that are to run, at most p_left; a FAILED run becomes due again under its own id.
-- p_room is the room of the whole call: what it creates is claimed in the order of its ticks. Its caller
-- holds the backfill's locks (lock_backfill), and moves next_at.
-- Returns: one row. seen: the number of ticks; decided: how many of them, up to the last one created;
-- undecided_at: the first tick after that; last_at: the last tick seen; made, redriven: executions.
create or replace function kronos.make_backfill_batch(
    p_backfill kronos.backfills, p_job kronos.jobs, p_overlap_key uuid,
    p_room integer, p_left integer, p_batch integer,
    out made integer, out redriven integer, out seen integer, out decided integer,
    out undecided_at timestamptz, out last_at timestamptz
)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_priority constant smallint := nullif(coalesce(p_backfill.priority, p_job.priority), 0);
    v_terms kronos.endpoint_versions;
    -- a past tick's own deadline has passed, so it counts from now
    v_deadline_at constant timestamptz := kronos.now() + make_interval(secs => p_job.deadline_seconds);
begin
    select version.* into v_terms
      from kronos.endpoints as endpoint
      join kronos.endpoint_versions as version using (endpoint_id, version)
     where endpoint.endpoint_id = p_job.endpoint_id;
    with step as materialized (
        select * from kronos.backfill_steps(p_backfill, p_job, p_room, p_left, p_batch)
    ), failed as materialized (
        select *
          from kronos.take_failed(array(select failed_id from step where is_to_run and failed_id is not null))
    ), again as (
        insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                           cause, scheduled_at, run_at, created_at, visible_at, attempt_count,
                                           max_attempts, max_crashes, timeout_ms, started_at, input, error,
                                           overlap_key, backfill_id, deadline_at, priority)
        select failed.execution_id, failed.workspace_id, failed.job_id, p_job.endpoint_id, v_terms.version,
               failed.cause, failed.scheduled_at, failed.run_at, failed.created_at, step.due_at,
               failed.attempt_count, kronos.attempts_anew(failed.attempt_count, v_terms.max_attempts),
               v_terms.max_crashes, v_terms.timeout_ms, failed.started_at, p_job.input, failed.error,
               p_overlap_key, p_backfill.backfill_id, v_deadline_at, v_priority
          from failed
          join step on step.is_to_run and step.failed_id = failed.execution_id
            on conflict (execution_id) do nothing
        returning execution_id, workspace_id
    ), noted as (
        insert into kronos.backfill_redriven (backfill_id, workspace_id, execution_id)
        select p_backfill.backfill_id, workspace_id, execution_id from again
            on conflict (backfill_id, execution_id) do nothing
    ), finished as materialized (
        select ended.execution_id
          from kronos.finished_among(array(select execution_id
                                             from step
                                            where is_to_run and failed_id is null)) as ended
    ), made as (
        insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                           cause, scheduled_at, run_at, visible_at, max_attempts, max_crashes,
                                           timeout_ms, input, overlap_key, backfill_id, deadline_at,
                                           priority)
        select execution_id, p_job.workspace_id, p_job.job_id, p_job.endpoint_id, v_terms.version, 'BACKFILL',
               tick, due_at, due_at, v_terms.max_attempts, v_terms.max_crashes, v_terms.timeout_ms,
               p_job.input, p_overlap_key, p_backfill.backfill_id, v_deadline_at, v_priority
          from step
         where is_to_run
           and failed_id is null
           and not exists (select from finished where finished.execution_id = step.execution_id)
            on conflict (execution_id) do nothing
        returning execution_id
    )
    select (select count(*) from made)::integer, (select count(*) from again)::integer,
           count(*)::integer, count(*) filter (where nth_to_run <= p_left)::integer,
           min(tick) filter (where nth_to_run > p_left), max(tick)
      into made, redriven, seen, decided, undecided_at, last_at
      from step;
end
$$;
