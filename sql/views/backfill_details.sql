-- backfill_details: a backfill as the API shows it, with the outcomes of its executions.
create or replace view kronos.backfill_details with (security_invoker = true) as
    select backfill.backfill_id, backfill.workspace_id, backfill.first_version_id, backfill.job_id,
           workspace.slug as workspace, backfill.status, backfill.status_reason, backfill.from_at,
           backfill.to_at, backfill.max_active, backfill.include, backfill.ticks, backfill.created,
           backfill.redriven, backfill.left_out,
           jsonb_build_object('undecided',
                              case when backfill.next_at is null then 0
                                   else backfill.ticks::bigint - backfill.created - backfill.redriven
                                        - backfill.left_out end,
                              'waiting', unfinished.waiting, 'running', unfinished.running,
                              'succeeded', finished.succeeded, 'failed', finished.failed,
                              'cancelled', finished.cancelled, 'skipped', finished.skipped) as progress,
           backfill.created_at, backfill.completed_at,
           coalesce(backfill.priority, job.priority)::integer as priority
      from kronos.backfills as backfill
      join kronos.workspaces as workspace using (workspace_id)
      join kronos.jobs as job on job.job_id = backfill.job_id
     cross join lateral (select count(*) filter (where live.claim_token is null) as waiting,
                                count(*) filter (where live.claim_token is not null) as running
                           from kronos.execution_live as live
                          where live.backfill_id = backfill.backfill_id) as unfinished
     cross join lateral kronos.backfill_outcomes(backfill.backfill_id, backfill.created_at) as finished;
