-- name: list_drift
-- Differences between the ACTIVE CRON jobs and pg_cron's entries, which the reaper repairs.
select drift.jobname, drift.jobid, drift.difference
  from kronos.pg_cron_drift() as drift
 order by 1
 limit %(limit)s;

-- name: list_missing_partitions
-- Coming weeks without a partition; partitions are created eight weeks ahead.
select missing.parent || ' from ' || to_char(missing.from_at at time zone 'UTC', 'YYYY-MM-DD') as partition
  from kronos.missing_partitions(%(ahead)s) as missing
 order by missing.from_at, 1
 limit %(limit)s;

-- name: list_unnoted_partitions
-- Partitions that were attached by hand, and that lists do not read until they are recorded.
select partition from kronos.unnoted_partitions() as partition order by 1 limit %(limit)s;

-- name: list_bloated
-- Tables with more dead rows than live ones: vacuum does not run, or an old transaction blocks it.
select stats.relname::text as name, stats.n_live_tup::bigint as live_rows,
       stats.n_dead_tup::bigint as dead_rows,
       pg_total_relation_size(stats.relid) as bytes
  from pg_stat_user_tables as stats
 where (stats.schemaname = 'kronos'
        or (stats.schemaname = 'cron' and stats.relname in ('job', 'job_run_details')))
   and stats.n_dead_tup > greatest(stats.n_live_tup, %(at_least)s)
 order by stats.n_dead_tup desc
 limit %(limit)s;

-- name: reap
-- For --fix: run the reaper's task now.
select kronos.reap() as counts;

-- name: note_partition
-- For --fix: each partition of list_unnoted_partitions.
select kronos.note_partition(%(partition)s) as made;

-- name: add_partitions
-- For --fix, until it creates none: a few partitions at a time.
select kronos.add_partitions() as made;

-- name: catch_up
-- For --fix: ticks that no ring accounted for; none if the instance is held.
select case when kronos.is_held() then 0
            else coalesce(kronos.catch_up(kronos.clock()), 0) end as made;

-- name: keep_leases
-- For --fix: run the lease-keeper's task now.
select kronos.keep_leases() as counts;

-- name: seal_audit
-- For --fix, until it seals none.
select kronos.seal_audit(1000) as made;
