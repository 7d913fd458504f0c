-- name: list_load
-- The planned load of the workspace's jobs in the %(minutes)s minutes from the current one on, as hours of
-- equal minutes; and, in the row without hours, the number of jobs.
select coming.begins, coming.hours, coming.minutes, coming.runs, coming.opens, coming.closes, coming.jobs,
       coming.left_out, date_trunc('minute', kronos.now(), 'UTC') as from_at
  from kronos.coming_hours(kronos.current_workspace_id(), date_trunc('minute', kronos.now(), 'UTC'),
                           date_trunc('minute', kronos.now(), 'UTC')
                           + %(minutes)s::integer * interval '1 minute', %(schedules)s::integer) as coming
 where kronos.current_workspace_id() is not null;

-- name: list_load_of_all
-- As list_load, for all workspaces, for the instance's administrator.
select coming.begins, coming.hours, coming.minutes, coming.runs, coming.opens, coming.closes, coming.jobs,
       coming.left_out, date_trunc('minute', kronos.now(), 'UTC') as from_at
  from kronos.hours_of_all(date_trunc('minute', kronos.now(), 'UTC'),
                           date_trunc('minute', kronos.now(), 'UTC')
                           + %(minutes)s::integer * interval '1 minute', %(schedules)s::integer) as coming;

-- name: list_jobs_at
-- The workspace's jobs that run in the minute %(at)s, the first %(limit)s by name, each with their total. No
-- row: none runs.
select coming.job_id, coming.name, coming.version, coming.endpoint, coming.cron, coming.every,
       coming.timezone, coming.description, coming.number as _number
  from kronos.coming_jobs(kronos.current_workspace_id(), date_trunc('minute', %(at)s::timestamptz, 'UTC'),
                          %(schedules)s::integer, %(limit)s::integer) as coming;

-- name: list_movable_jobs
-- The workspace's jobs whose owners allow their runs to be moved, the first %(limit)s, with their total. The
-- first of the jobs that run alike (_term) has the hours of the %(minutes)s minutes from the current one on
-- in which they tick.
select movable.job_id, movable.name, movable.version, movable.endpoint, movable.cron, movable.every,
       movable.timezone, movable.spread_seconds, movable.offset_seconds, movable.term as _term,
       movable.hours as _hours, movable.minutes as _minutes, movable.number as _number
  from kronos.movable_jobs(date_trunc('minute', kronos.now(), 'UTC'),
                           date_trunc('minute', kronos.now(), 'UTC')
                           + %(minutes)s::integer * interval '1 minute', %(limit)s::integer) as movable;

-- name: get_measured_rates
-- The highest rates of the instance in the last hour, for its administrator.
select rates.rings as rings_per_second, rates.ticks as ticks_per_second,
       rates.deliveries as deliveries_per_second
  from kronos.measured_rates() as rates;

-- name: get_as_of
-- The configuration change up to which the workspace is read: the number of rows of its audit, sealed or not.
-- The number does not depend on the order of commits, and no row counts before it is committed.
select workspace.workspace_id,
       coalesce(chain.number, 0)
       + (select count(*)
            from kronos.audit_pending as pending
           where pending.workspace_id = workspace.workspace_id) as changes
  from (select kronos.current_workspace_id() as workspace_id) as workspace
  left join kronos.audit_chains as chain on chain.chain_id = workspace.workspace_id;

-- name: get_as_of_of_all
-- As get_as_of, for all workspaces, for the instance's administrator.
select null::uuid as workspace_id,
       (select coalesce(sum(chain.number), 0)::bigint from kronos.audit_chains as chain)
       + (select count(*) from kronos.audit_pending) as changes;
