-- name: list_drift
-- Where the ACTIVE CRON jobs and pg_cron's entries are not the same set: what the reaper puts right.
select drift.jobname, drift.jobid, drift.difference
  from kronos.pg_cron_drift() as drift
 order by 1
 limit %(limit)s;

-- name: list_missing_partitions
-- What of the coming weeks has no partition: they are made eight weeks ahead.
select missing.parent || ' from ' || to_char(missing.from_at at time zone 'UTC', 'YYYY-MM-DD') as partition
  from kronos.missing_partitions(%(ahead)s) as missing
 order by missing.from_at, 1
 limit %(limit)s;

-- name: list_unnoted_partitions
-- Partitions that somebody has attached, and that lists do not look into until they are noted.
select partition from kronos.unnoted_partitions() as partition order by 1 limit %(limit)s;

-- name: list_bloated
-- Tables in which dead rows outnumber those that live: nobody cleans up, or an old transaction keeps it from
-- being done.
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
-- What --fix does: the reaper's task, here and now.
select kronos.reap() as counts;

-- name: note_partition
-- What --fix does with each of list_unnoted_partitions.
select kronos.note_partition(%(partition)s) as made;

-- name: add_partitions
-- What --fix does, until it makes none: a few partitions at a time.
select kronos.add_partitions() as made;

-- name: catch_up
-- What --fix does: ticks that nobody has rung for; of an instance that is held none.
select case when kronos.is_held() then 0
            else coalesce(kronos.catch_up(kronos.clock()), 0) end as made;

-- name: keep_leases
-- What --fix does: the lease-keeper's task, here and now.
select kronos.keep_leases() as counts;

-- name: seal_audit
-- What --fix does, until it seals none.
select kronos.seal_audit(1000) as made;
