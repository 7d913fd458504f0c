-- name: get_ground
-- The basic conditions, for any role, whether or not anything is migrated.
select current_user::text as connected_as, current_database()::text as database,
       current_setting('server_version') as server_version,
       (select extversion from pg_extension where extname = 'pg_cron') as pg_cron_version,
       (select rolsuper from pg_roles where rolname = current_user) as is_superuser,
       to_regnamespace('kronos') is not null as has_schema,
       coalesce(obj_description(to_regnamespace('kronos'), 'pg_namespace'), '') as applied,
       array(select name
               from unnest(array['kronos_owner', 'kronos_cron', 'kronos_api', 'kronos_worker']) as name
              where to_regrole(name) is null) as missing_roles,
       -- from PostgreSQL 16 on a member is not always able to become the role
       case when to_regrole('kronos_owner') is null then false
            when current_setting('server_version_num')::integer >= 160000
                then pg_has_role(current_user, 'kronos_owner', 'set')
            else pg_has_role(current_user, 'kronos_owner', 'member')
       end as may_own,
       exists (select
                 from pg_stat_activity as backend
                where backend.backend_type = 'pg_cron launcher'
                   or backend.application_name = 'pg_cron scheduler') as has_launcher,
       current_setting('transaction_read_only') = 'on' as is_read_only,
       extract(epoch from clock_timestamp())::double precision as clock_seconds;

-- name: list_orphans
-- Entries of cron.job whose role no longer exists: a single one kills pg_cron's launcher every second. For
-- the administrator, the only role that sees all entries.
select entry.jobid, entry.username::text as username
  from cron.job as entry
 where not exists (select from pg_roles as role where role.rolname = entry.username)
 order by entry.jobid
 limit 100;

-- name: get_tzdata
-- The version that a file of PostgreSQL's time zone data gives. Only for a superuser: other roles cannot read
-- the server's files.
select coalesce(pg_read_file(data.folder || '/tzdata.zi', 0, 100, true),
                pg_read_file(data.folder || '/+VERSION', 0, 100, true)) as version
  from (select coalesce(substring(configured.setting from '--with-system-tzdata=([^'' ]+)'),
                        (select share.setting from pg_config as share where share.name = 'SHAREDIR')
                            || '/timezone') as folder
          from pg_config as configured
         where configured.name = 'CONFIGURE') as data;

-- name: list_zone_readings
-- The zones in use as PostgreSQL reads them in this session.
select timezone, probes, distances from kronos.zones_read();

-- name: get_cron_settings
-- How pg_cron reads its entries. Null if the owner may not read its settings, or if this pg_cron has no such
-- setting.
select case when pg_has_role(current_user, 'pg_read_all_settings', 'usage')
            then current_setting('cron.timezone', true) end as cron_timezone,
       case when pg_has_role(current_user, 'pg_read_all_settings', 'usage')
            then current_setting('cron.match_dom_and_dow', true) end as match_dom_and_dow,
       pg_has_role(current_user, 'pg_read_all_settings', 'usage') as is_visible;

-- name: get_pg_cron
-- pg_cron as the owner sees it. served_database is null if the owner may not read its settings.
select case when pg_has_role(current_user, 'pg_read_all_settings', 'usage')
            then current_setting('cron.database_name', true) end as served_database,
       health.internal_jobs, health.internal_entries, health.silent_seconds, kronos.is_held() as is_held,
       newest.ended as alarms_ended, newest.failed as alarms_failed, newest.message as alarm_message,
       health.alarm_failure
  from kronos.pg_cron_health() as health
 cross join kronos.pg_cron_failure(200) as newest;

-- name: list_missing_privileges
-- Privileges that each role must have and does not; and roles that bypass row level security, which none may.
select wanted.role, wanted.fault
  from (values ('kronos_cron', 'cannot log in',
                (select rolcanlogin from pg_roles where rolname = 'kronos_cron')),
               ('kronos_cron', 'cannot connect to this database',
                has_database_privilege('kronos_cron', current_database(), 'connect')),
               ('kronos_cron', 'cannot use schema kronos',
                has_schema_privilege('kronos_cron', 'kronos', 'usage')),
               ('kronos_cron', 'cannot use schema cron',
                (select has_schema_privilege('kronos_cron', oid, 'usage')
                   from pg_namespace
                  where nspname = 'cron')),
               ('kronos_api', 'cannot use schema kronos',
                has_schema_privilege('kronos_api', 'kronos', 'usage')),
               ('kronos_api', 'cannot write jobs',
                has_table_privilege('kronos_api', to_regclass('kronos.jobs'), 'select, insert, update')),
               ('kronos_api', 'cannot execute kronos.register_pg_cron',
                has_function_privilege('kronos_api', to_regprocedure('kronos.register_pg_cron(uuid)'),
                                       'execute')),
               ('kronos_worker', 'cannot use schema kronos',
                has_schema_privilege('kronos_worker', 'kronos', 'usage')),
               ('kronos_worker', 'cannot claim executions',
                has_table_privilege('kronos_worker', to_regclass('kronos.execution_live'),
                                    'select, update, delete')),
               ('kronos_worker', 'cannot write their ends',
                has_table_privilege('kronos_worker', to_regclass('kronos.execution_done'), 'insert'))
       ) as wanted (role, fault, is_held)
 where wanted.is_held is not true
 union all
select acting.role, 'cannot log in and connect to this database, nor can any role that may become it'
  from (values ('kronos_api'), ('kronos_worker')) as acting (role)
 where to_regrole(acting.role) is not null
   and not exists (select from pg_roles as login
                    where login.rolcanlogin
                      and not login.rolsuper
                      and has_database_privilege(login.oid, current_database(), 'connect')
                      and pg_has_role(login.oid, acting.role,
                                      case when current_setting('server_version_num')::integer >= 160000
                                           then 'set'
                                           else 'member' end))
 union all
select role.rolname,
       'is past row level security, as a '
       || case when role.rolsuper then 'superuser' else 'role with bypassrls' end
  from pg_roles as role
 where role.rolname in ('kronos_owner', 'kronos_cron', 'kronos_api', 'kronos_worker')
   and (role.rolsuper or role.rolbypassrls);

-- name: list_missing_rings
-- Functions and tables that kronos_cron must be able to call and read, and cannot; and functions that write
-- entries and do not belong to it.
with called as materialized (
    select nspname || '.' || proname as name,
           nspname || '.' || proname || '(' || oidvectortypes(proargtypes) || ')' as whole,
           has_function_privilege('kronos_cron', proc.oid, 'execute') as may_execute,
           proowner = to_regrole('kronos_cron') as is_own
      from pg_proc as proc
      join pg_namespace on pg_namespace.oid = pronamespace and nspname in ('kronos', 'cron')
)
select 'kronos_cron' as role, 'cannot execute ' || called.name as fault
  from called
 where not called.may_execute
   and called.whole in ('kronos.fire(uuid)', 'kronos.ring(text)', 'kronos.ring_some()',
                        'kronos.ring_held(uuid)', 'kronos.alarm_of(uuid)',
                        'kronos.shared_names(uuid[])', 'kronos.ring_texts(text[])',
                        'kronos.needed_alarms(text[])', 'kronos.folded_texts()', 'cron.unschedule(bigint)',
                        'cron.schedule(text, text, text)')
 union all
select 'kronos_cron', 'does not own ' || called.name
  from called
 where called.name in ('kronos.settle_alarms', 'kronos.write_alarms', 'kronos.register_entry',
                       'kronos.register_jobs', 'kronos.unregister_jobs', 'kronos.mend_pg_cron_entries')
   and not called.is_own
 union all
select 'kronos_cron', 'cannot read cron.job'
  from pg_class as class
  join pg_namespace on pg_namespace.oid = relnamespace and nspname = 'cron'
 where relname = 'job' and not has_table_privilege('kronos_cron', class.oid, 'select')
 order by 2;

-- name: list_table_parts
-- The indexes and constraints of our tables that apply to every row.
select class.relname::text as name
  from pg_index as index
  join pg_class as class on class.oid = index.indexrelid
 where class.relnamespace = 'kronos'::regnamespace and not class.relispartition and index.indisvalid
 union all
select made.conname::text from pg_constraint as made
  join pg_class as class on class.oid = made.conrelid
 where class.relnamespace = 'kronos'::regnamespace and not class.relispartition and made.convalidated
 union all select kronos.keys_of_partitions();

-- name: get_workers
-- How many sessions workers have.
select queue.worker_sessions from kronos.queue_health('1 minute') as queue;

-- name: list_waiting
-- Endpoints whose oldest due execution has waited for longer than this, and the reason; null: for a worker.
select workspace.slug as workspace, endpoint.name as endpoint,
       extract(epoch from kronos.now() - greatest(waiting.due_at, '1970-01-01 00:00:00+00'))::double precision
           as seconds,
       waiting.waits_for, waiting.unserved_group
  from kronos.waiting_endpoints(kronos.now() - %(longer_than)s::interval, 10000) as waiting
  join kronos.endpoints as endpoint using (endpoint_id)
  join kronos.workspaces as workspace using (workspace_id)
 order by waiting.waits_for is not null, waiting.due_at
 limit %(limit)s;

-- name: count_jobs
-- How many jobs check_ledgers will check.
select (live.jobs + over.jobs)::integer as jobs
  from (select count(*) as jobs
          from kronos.jobs as job
         where job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')) as live,
       (select count(*) as jobs
          from kronos.jobs as job
         where job.trigger = 'CRON' and job.ticks_until > %(since)s
                                                          and job.status not in ('ACTIVE', 'PAUSED')) as over;

-- name: check_ledgers
-- A batch of jobs, by id; none at the end.
select job_id, name, workspace, expected, unaccounted, surplus, first_unaccounted, first_surplus, overdue,
       is_truncated, error
  from kronos.check_ledgers(%(after)s, %(count)s, %(since)s, %(until)s);

-- name: list_faults
-- Live jobs whose ticks could not be accounted for, as recorded; and live jobs without a pointer, whose ticks
-- are never found.
select job.job_id, job.name, workspace.slug as workspace, fault.sqlstate, fault.message, fault.failed_at
  from kronos.job_faults as fault
  join kronos.jobs as job using (job_id)
  join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id
  left join lateral kronos.pointer_of(job.job_id) as pointer on true
 where job.status in ('ACTIVE', 'PAUSED')
   and fault.next_tick_at is not distinct from pointer.next_tick_at
 union all
select job.job_id, job.name, workspace.slug, '02000', 'it has no row in kronos.pointers', job.created_at
  from kronos.jobs as job
  join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id
 where job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')
   and not exists (select from kronos.pointers as pointer where pointer.job_id = job.job_id)
 order by 6 desc
 limit %(limit)s;

-- name: list_left_behind
-- Unfinished rows whose workspace or endpoint was deleted. No statement of Kronos leaves any, but a deletion
-- in progress removes them in steps.
select left_behind.kind, left_behind.id, left_behind.workspace, left_behind.deleted
  from (select 'job' as kind, job.job_id as id, workspace.slug as workspace,
               case when workspace.status = 'DELETED' then 'workspace' else 'endpoint' end as deleted
          from kronos.jobs as job
          join kronos.endpoints as endpoint using (endpoint_id)
          join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id
         where job.status in ('ACTIVE', 'PAUSED')
           and (endpoint.deleted_at is not null or workspace.status = 'DELETED')
           and not exists (select from kronos.deletions where deleted_id = workspace.workspace_id)
        union all
        select 'execution', live.execution_id, workspace.slug,
               case when workspace.status = 'DELETED' then 'workspace' else 'endpoint' end
          from kronos.execution_live as live
          join kronos.endpoints as endpoint using (endpoint_id)
          join kronos.workspaces as workspace on workspace.workspace_id = live.workspace_id
         where (endpoint.deleted_at is not null or workspace.status = 'DELETED')
           and not exists (select from kronos.deletions where deleted_id = workspace.workspace_id)
        union all
        select 'backfill', backfill.backfill_id, workspace.slug, 'workspace'
          from kronos.backfills as backfill
          join kronos.workspaces as workspace using (workspace_id)
         where backfill.status = 'RUNNING'
           and workspace.status = 'DELETED'
           and not exists (select from kronos.deletions where deleted_id = workspace.workspace_id)
        union all
        select 'operation', operation.operation_id, workspace.slug, 'workspace'
          from kronos.operations as operation
          join kronos.workspaces as workspace using (workspace_id)
         where operation.status = 'RUNNING'
           and workspace.status = 'DELETED'
           and not exists (select from kronos.deletions where deleted_id = workspace.workspace_id)
       ) as left_behind
 order by left_behind.kind, left_behind.id
 limit %(limit)s;

-- name: list_steps
-- Work that is done in steps, oldest first: see system.list_steps. Without operations, whose rate may be
-- limited.
select kind, workspace, job_id, remaining, since, last_error,
       extract(epoch from kronos.now() - since)::double precision as seconds
  from kronos.steps_under_way(%(limit)s)
 where operation_id is null;

-- name: list_overdue
-- Jobs whose tick has been due for longer than catch-up, which rings every minute, allows. Internal jobs wait
-- for their own alarms: the check of retention covers the hourly one.
select job.job_id, job.name, workspace.slug as workspace,
       extract(epoch from kronos.now() - kronos.finite(pointer.next_tick_at))::double precision
           as overdue_seconds
  from kronos.pointers as pointer
  join kronos.jobs as job using (job_id)
  join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id
 where pointer.is_awaited
   and job.status = 'ACTIVE'
   and workspace.status = 'ACTIVE'
   and pointer.next_tick_at < kronos.now() - kronos.grace() - interval '60 seconds'
 order by pointer.next_tick_at
 limit %(limit)s;

-- name: list_stale_zones
-- Time zones of live CRON jobs whose clock changes have not been read for longer than refresh_zones allows.
select used.timezone, zone.read_at
  from kronos.zones_in_use() as used (timezone)
  left join kronos.zones as zone using (timezone)
 where (zone.read_at is null or zone.read_at < kronos.now() - %(older_than)s::interval)
   and exists (select
                 from kronos.jobs as job
                where job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')
                  and job.timezone = used.timezone
                  and job.created_at < kronos.now() - %(older_than)s::interval)
 order by used.timezone
 limit %(limit)s;

-- name: list_foreign_partitions
-- Partitions that belong to another role, which created or restored them: retention cannot drop them.
select class.relname::text as partition, class.relowner::regrole::text as owner
  from pg_inherits as kinship
  join pg_class as class on class.oid = kinship.inhrelid
 where kinship.inhparent in ('kronos.execution_done'::regclass, 'kronos.attempt'::regclass)
   and class.relowner <> 'kronos_owner'::regrole
 order by 1
 limit %(limit)s;

-- name: get_retention
-- Whether retention runs and keeps up, and rows in the default partitions although there are partitions for
-- their time, or for older times. One row.
select extract(epoch from kronos.now() - instance.ran_at)::double precision as ran_seconds,
       extract(epoch from kronos.now() - instance.done_at)::double precision as done_seconds,
       stray.executions, stray.attempts
  from kronos.retention as instance
 cross join lateral (select (select count(*)::integer from (select from kronos.execution_done_default
                                                             where execution_id >= oldest.from_id
                                                             limit %(limit)s) as rows_there) as executions,
                            (select count(*)::integer from (select from kronos.attempt_default
                                                             where execution_id >= oldest.from_id
                                                             limit %(limit)s) as rows_there) as attempts
                       from (select each.from_id
                               from kronos.partitions() as each
                              where each.parent = 'execution_done'
                              order by each.from_id
                              limit 1) as oldest) as stray;

-- name: get_audit
-- Audit rows that are not in their chain yet. One row.
select count(*)::integer as unsealed,
       coalesce(extract(epoch from kronos.now() - min(pending.at)), 0)::double precision as oldest_seconds
  from kronos.audit_pending as pending;

-- name: list_broken_chains
-- Audit chains whose newest %(newest)s rows differ from what was sealed. No row: none.
select coalesce(workspace.slug, 'the instance') as workspace,
       coalesce(verified.fault, 'it ends before or otherwise than its head says') as fault
  from kronos.audit_chains as chain
  left join kronos.workspaces as workspace using (workspace_id)
 cross join lateral (select greatest(chain.number - %(newest)s::integer,
                                     chain.cut_number) as number) as begins
 cross join lateral (select case when begins.number = chain.cut_number then chain.cut_hash
                                 else (select sealed.hash
                                         from kronos.audit as sealed
                                        where sealed.chain_id = chain.chain_id
                                          and sealed.number = begins.number) end as hash) as at_begin
 cross join lateral kronos.verify_audit(chain.chain_id, begins.number, at_begin.hash,
                                        %(newest)s::integer) as verified
 where verified.fault is not null
    or verified.number <> chain.number
    or verified.hash is distinct from chain.hash
 order by 1
 limit %(limit)s;
