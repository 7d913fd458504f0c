-- name: list_tables
-- Sizes and maintenance of Kronos's and pg_cron's tables, largest first, including partitions.
select stats.schemaname || '.' || stats.relname as name, stats.n_live_tup::bigint as live,
       stats.n_dead_tup::bigint as dead, class.relpages::bigint * 8192 as bytes,
       stats.seq_scan::bigint as table_scans, coalesce(stats.idx_scan, 0)::bigint as index_scans,
       greatest(stats.last_vacuum, stats.last_autovacuum) as vacuumed_at,
       greatest(stats.last_analyze, stats.last_autoanalyze) as analysed_at
  from pg_stat_user_tables as stats
  join pg_class as class on class.oid = stats.relid
 where stats.schemaname in ('kronos', 'cron')
 order by class.relpages desc, 1
 limit 300;

-- name: list_counts
-- How many objects of each kind exist, counted up to 100,000 each.
select counted.what, counted.number
  from (select 'workspaces' as what, count(*)::bigint as number from kronos.workspaces
        union all
        select 'endpoints, ' || lower(endpoint.type), count(*)
          from kronos.endpoints as endpoint
         where endpoint.deleted_at is null
         group by endpoint.type
        union all
        select 'live jobs, ' || lower(job.trigger) || ', ' || lower(job.status), count(*)
          from (select trigger, status from kronos.jobs where status in ('ACTIVE', 'PAUSED')
                 limit 100000) as job
         group by job.trigger, job.status
        union all
        select 'unfinished executions, ' || case when live.is_claimed then 'claimed' else 'waiting' end,
               count(*)
          from (select claim_token is not null as is_claimed from kronos.execution_live
                 limit 100000) as live
         group by live.is_claimed
        union all
        select 'dead letters', count(*) from (select from kronos.dead_letters limit 100000) as letter
       ) as counted
 order by 1;

-- name: list_sessions
-- Connected sessions: their program, state and wait. No user names, no statements.
select coalesce(backend.backend_type, 'not shown') as kind,
       case when starts_with(backend.application_name, 'kronos-')
            -- A suffix that a user added could name a machine.
            then substring(backend.application_name from '^kronos-[a-z]*')
            when starts_with(backend.application_name, 'pg_cron') then 'pg_cron'
            else 'other' end as program,
       coalesce(backend.state, 'not shown') as state,
       coalesce(backend.wait_event_type || '.' || backend.wait_event, 'nothing') as waits_for,
       count(*)::integer as sessions,
       coalesce(max(extract(epoch from kronos.clock() - backend.xact_start)), 0)::double precision
           as longest_seconds
  from pg_stat_activity as backend
 group by 1, 2, 3, 4
 order by 5 desc, 1, 2, 3, 4
 limit 200;

-- name: list_settings
-- PostgreSQL's settings with these names, as they are in this session, and their sources.
select setting.name, setting.setting as value, coalesce(setting.unit, '') as unit, setting.source
  from pg_settings as setting
 where setting.name = any (%(names)s)
 order by setting.name;

-- name: get_versions
-- The versions of the running software. One row.
select current_setting('server_version') as postgresql,
       coalesce((select extversion from pg_extension where extname = 'pg_cron'), '') as pg_cron,
       coalesce((select substring(obj_description(to_regclass('kronos.schema_version'), 'pg_class')
                                  from '^revision (.*)$')), '') as revision,
       extract(epoch from kronos.clock() - pg_postmaster_start_time())::double precision as up_seconds,
       pg_database_size(current_database())::bigint as database_bytes;
