-- name: enter_workspace
-- No row: no such workspace. The setting lasts as long as the transaction, and row level security uses it.
select workspace_id, slug, status
  from kronos.find_workspace(%(workspace)s) as workspace
 where set_config('kronos.workspace_id', workspace.workspace_id::text, true) is not null;

-- name: enter_workspace_to_write
-- enter_workspace for a transaction that writes: the audit records %(caller)s as the author. KR023 if the
-- workspace is suspended, unless the change is one of the workspace itself (%(even_suspended)s).
-- enable_seqscan: a write finds its rows by a key. A session keeps the plan of each foreign key's check; one
-- that was made while there were few jobs would read all of them for each new one (decision 0081).
select workspace_id, slug, status
  from kronos.find_workspace(%(workspace)s) as workspace
 where (%(even_suspended)s or kronos.takes_writes(workspace.slug, workspace.status))
   and set_config('kronos.workspace_id', workspace.workspace_id::text, true) is not null
   and set_config('kronos.caller', %(caller)s, true) is not null
   and set_config('enable_seqscan', 'off', true) is not null;

-- name: enter_instance
-- For the instance's administrator: access to the workspaces themselves.
select set_config('kronos.instance_admin', 'on', true) as instance_admin;

-- name: enter_instance_to_write
-- enter_instance, as enter_workspace_to_write.
select set_config('kronos.instance_admin', 'on', true) as instance_admin
 where set_config('kronos.caller', %(caller)s, true) is not null;

-- name: insert_workspace
-- No row: the slug is taken.
insert into kronos.workspaces (slug, name, max_concurrency, organization_id)
values (%(slug)s, %(name)s, %(max_concurrency)s,
        (select organization_id from kronos.organizations where slug = %(organization)s))
    on conflict (slug) where status <> 'DELETED' do nothing
returning workspace_id, slug, name, status, version, created_at, suspended_at, 0 as jobs_left,
          max_concurrency, case when max_concurrency is not null then 0 end as in_flight,
          %(organization)s::text as organization;

-- name: get_workspace
select workspace_id, slug, name, status, version, created_at, suspended_at,
       kronos.jobs_left(workspace_id) as jobs_left, max_concurrency,
       (select gate.in_flight
          from kronos.workspace_gate as gate
         where gate.workspace_id = workspaces.workspace_id) as in_flight,
       (select organization.slug
          from kronos.organizations as organization
         where organization.organization_id = workspaces.organization_id) as organization
  from kronos.workspaces
 where workspace_id = (select found.workspace_id from kronos.find_workspace(%(workspace)s) as found);

-- name: list_workspaces
select workspace_id, slug, name, status, version, created_at, suspended_at,
       kronos.jobs_left(workspace_id) as jobs_left, max_concurrency,
       (select gate.in_flight
          from kronos.workspace_gate as gate
         where gate.workspace_id = workspaces.workspace_id) as in_flight,
       (select organization.slug
          from kronos.organizations as organization
         where organization.organization_id = workspaces.organization_id) as organization
  from kronos.workspaces
 where status <> 'DELETED'
   and (%(organization)s::text is null
        or organization_id = (select organization_id from kronos.organizations where slug = %(organization)s))
   and (created_at, workspace_id)
       < (case when %(before_created_at)s::timestamptz is null then 'infinity'
               else %(before_created_at)s::timestamptz end,
          case when %(before_id)s::uuid is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
               else %(before_id)s::uuid end)
 order by created_at desc, workspace_id desc
 limit %(limit)s;

-- name: list_health
-- For the existing ones of %(workspace_ids)s.
select workspace, name, status, overdue_jobs, failing_endpoints, dead_letters
  from kronos.workspaces_health(%(workspace_ids)s::uuid[]);

-- name: update_workspace
-- No row: no such workspace, or its version is not in %(if_match)s. Null leaves the name as it is; the limit
-- is written if %(is_limited)s.
update kronos.workspaces
   set name = coalesce(%(name)s::text, name),
       max_concurrency = case when %(is_limited)s then %(max_concurrency)s::integer else max_concurrency end,
       version = version + case when %(name)s::text <> name
                                  or (%(is_limited)s and max_concurrency
                                                         is distinct from %(max_concurrency)s::integer) then 1
                                else 0 end
 where workspace_id = kronos.current_workspace_id()
   and status <> 'DELETED'
   and (%(if_match)s::integer[] is null or version = any (%(if_match)s::integer[]))
returning workspace_id, slug, name, status, version, created_at, suspended_at,
          kronos.jobs_left(workspace_id) as jobs_left, max_concurrency,
          case when max_concurrency is not null      -- its gate follows
               then coalesce((select gate.in_flight
                                from kronos.workspace_gate as gate
                               where gate.workspace_id = workspaces.workspace_id), 0) end as in_flight,
          (select organization.slug
             from kronos.organizations as organization
            where organization.organization_id = workspaces.organization_id) as organization;

-- name: rename_workspace
-- As update_workspace, as the last statement of a suspension or resumption. One call makes one version, so
-- none is made if this transaction has already written the row. Null leaves the name as it is; the limit is
-- written if %(is_limited)s.
update kronos.workspaces
   set name = coalesce(%(name)s::text, name),
       max_concurrency = case when %(is_limited)s then %(max_concurrency)s::integer else max_concurrency end,
       version = version + case when (%(name)s::text <> name
                                      or (%(is_limited)s and max_concurrency
                                                             is distinct from %(max_concurrency)s::integer))
                                 and xmin <> pg_current_xact_id()::xid then 1
                                else 0 end
 where workspace_id = kronos.current_workspace_id()
   and status <> 'DELETED'
returning workspace_id, slug, name, status, version, created_at, suspended_at,
          kronos.jobs_left(workspace_id) as jobs_left, max_concurrency,
          case when max_concurrency is not null      -- its gate follows
               then coalesce((select gate.in_flight
                                from kronos.workspace_gate as gate
                               where gate.workspace_id = workspaces.workspace_id), 0) end as in_flight,
          (select organization.slug
             from kronos.organizations as organization
            where organization.organization_id = workspaces.organization_id) as organization;

-- name: match_workspace
-- First statement of a suspension, resumption or deletion: checks that the workspace is at one of the
-- versions in %(if_match)s (null: any). One row.
select kronos.match_workspace(%(if_match)s::integer[]) as version;

-- name: suspend_workspace
-- The workspace is SUSPENDED, and its jobs have yet to follow. One row; entries: 0.
select kronos.suspend_workspace() as entries;

-- name: resume_workspace
-- The workspace is ACTIVE, and its jobs have yet to follow. One row; entries: 0.
select kronos.resume_workspace() as entries;

-- name: turn_further
-- Let some more of its jobs follow. One row: how many did (0: nothing can be done at this moment), and how
-- many have yet to.
select done, jobs_left from kronos.turn_further();

-- name: begin_deletion
-- Delete the workspace or, with %(is_trial)s, only show what that would do. One row; operation_id: null if it
-- was not deleted because %(confirm)s does not match.
select operation_id, contents, is_empty
  from kronos.begin_deletion(%(confirm)s::text, %(is_trial)s);

-- name: run_deletion
-- Run the next step of a deletion. One row: whether the next step can follow immediately.
select kronos.delete_some(%(operation_id)s) as goes_on;

-- name: get_deletion
-- The deletion of a workspace, for the instance's administrator. No row: none with this id for a workspace
-- with this slug or id.
select {BulkOperation}
  from (select deletion.*, '[]'::jsonb as refused
          from kronos.find_deletion(%(workspace)s, %(operation_id)s) as deletion) as deletion;

-- name: get_usage
-- No row: no such workspace.
select workspace, version, cron_jobs, max_cron_jobs, executions, max_executions_per_day, resets_at,
       max_input_bytes, in_flight, max_concurrency, alarms, max_alarms_per_minute, heartbeats, max_heartbeats,
       alert_rules, max_alert_rules
  from kronos.usage_of()
 cross join kronos.alert_usage_of();

-- name: update_quotas
-- Set all quotas together; null: no limit. No row: no such workspace, or its version is not in %(if_match)s.
update kronos.workspaces
   set max_cron_jobs = %(max_cron_jobs)s::integer,
       max_executions_per_day = %(max_executions_per_day)s::bigint,
       max_input_bytes = %(max_input_bytes)s::integer,
       max_concurrency = %(max_concurrency)s::integer,
       max_alarms_per_minute = %(max_alarms_per_minute)s::integer,
       max_heartbeats = %(max_heartbeats)s::integer,
       max_alert_rules = %(max_alert_rules)s::integer,
       version = version + ((max_cron_jobs, max_executions_per_day, max_input_bytes, max_concurrency,
                             max_alarms_per_minute, max_heartbeats, max_alert_rules)
                            is distinct from (%(max_cron_jobs)s::integer,
                                              %(max_executions_per_day)s::bigint,
                                              %(max_input_bytes)s::integer, %(max_concurrency)s::integer,
                                              %(max_alarms_per_minute)s::integer,
                                              %(max_heartbeats)s::integer,
                                              %(max_alert_rules)s::integer))::integer
 where workspace_id = kronos.current_workspace_id()
   and status <> 'DELETED'
   and (%(if_match)s::integer[] is null or version = any (%(if_match)s::integer[]))
returning version;
