-- name: get_retention
-- The ages of the entered workspace. One row.
select workspace, success_days, failure_days, own_success_days, own_failure_days, instance_success_days,
       instance_failure_days, retained_from, version
  from kronos.get_retention();

-- name: match_retention
-- First statement of a change of ages: checks that they are at one of the versions in %(if_match)s (null:
-- any). One row.
select kronos.match_retention(%(if_match)s::integer[]) as version;

-- name: set_retention
-- Its own ages; null: the instance's. One row.
select true as is_set from kronos.set_workspace_retention(%(success_days)s, %(failure_days)s);

-- name: retain
-- One run, in a separate transaction. One row.
select kronos.retain(%(seconds)s, %(is_anew)s) as counts;

-- name: get_bounds
-- The bounds of a run, and how many partitions have nothing to keep. One row.
select bounds.youngest, bounds.drop_days, bounds.old,
       (select count(*)::integer
          from kronos.old_partitions(bounds.drop_days, bounds.old, 10000)) as partitions
  from kronos.retention_bounds() as bounds;

-- name: count_executions
-- How many of the next %(limit)s would be deleted; nothing is written. One row.
select last_id, seen, executions, attempts, late_results
  from kronos.sweep_executions(%(after)s, %(youngest)s, %(limit)s, %(drop_days)s, %(old)s, true);

-- name: count_jobs
select last_at, last_id, jobs from kronos.retain_jobs(%(after_at)s, %(after_id)s, %(limit)s, true);

-- name: count_remains
select remains.backfills, remains.job_faults, letters.dead_letters, letters.operations,
       kronos.retain_workspaces(%(limit)s, true) as workspaces,
       (select count(*)
          from kronos.idempotency_keys as each
         where each.created_at < kronos.now() - interval '24 hours') as idempotency_keys
  from kronos.retain_remains(%(limit)s, true) as remains
 cross join kronos.retain_dead_letters(%(limit)s, true) as letters;

-- name: count_run_details
select step.last_runid, step.run_details, step.is_left
  from kronos.retention as instance
 cross join lateral kronos.drop_run_details(greatest(%(after)s::bigint, instance.run_details_until),
                                            instance.run_details_days, %(limit)s, true) as step;
