-- requeue: moves a finished execution back to the queue, due now, under its own id and as an execution of an
-- endpoint's version: its attempts continue to count (attempts_anew). p_newest: the newest version of its
-- job, locked: if its runs must not overlap, it is held back, and released immediately if there is no other
-- run (release_next); a deadline counts from now. A COMPLETED one-shot becomes ACTIVE again. The caller has
-- locked the execution.
create or replace function kronos.requeue(p_done kronos.execution_done, p_newest kronos.jobs,
                                          p_made_of kronos.endpoint_versions)
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
-- so that the id names one partition
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_max_attempts constant smallint := kronos.attempts_anew(p_done.attempt_count, p_made_of.max_attempts);
begin
    update kronos.jobs
       set status = 'ACTIVE', runs = 0
     where job_id = p_done.job_id and trigger <> 'CRON' and status = 'COMPLETED';
    delete from kronos.execution_done
     where execution_id = p_done.execution_id and status in ('FAILED', 'CANCELLED', 'EXPIRED');
    delete from kronos.dead_letters where execution_id = p_done.execution_id;
    insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                       cause, scheduled_at, run_at, created_at, visible_at, attempt_count,
                                       max_attempts, max_crashes, timeout_ms, started_at, input, error,
                                       overlap_key, backfill_id, deadline_at,
                                       priority, created_by)
    values (p_done.execution_id, p_done.workspace_id, p_done.job_id, p_done.endpoint_id, p_made_of.version,
            p_done.cause, p_done.scheduled_at, p_done.run_at, p_done.created_at,
            case when p_newest.overlap = 'ALLOW' then kronos.now() else 'infinity' end,
            p_done.attempt_count, v_max_attempts, p_made_of.max_crashes, p_made_of.timeout_ms,
            p_done.started_at, p_done.input, p_done.error,
            case when p_newest.overlap <> 'ALLOW' then p_newest.first_version_id end, p_done.backfill_id,
            kronos.now() + make_interval(secs => p_newest.deadline_seconds), p_done.priority,
            p_done.created_by)
        -- it was in the queue too (a restored copy), and is due there
        on conflict (execution_id) do nothing;
    perform pg_notify('kronos_work', '');
end
$$;
