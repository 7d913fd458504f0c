-- name: lock_applies
-- Allow one apply per workspace at a time, then lock the workspace, shared, as every change of jobs does:
-- first in the lock order (sql/README.md). One row.
select held.workspace_id
  from (select kronos.current_workspace_id() as workspace_id,
               pg_advisory_xact_lock(hashtextextended('kronos.apply ' || kronos.current_workspace_id()::text,
                                                      0)) is not null as is_first
        offset 0) as held
 where held.is_first
   and pg_advisory_xact_lock_shared(kronos.workspace_lock(held.workspace_id)) is not null;

-- name: list_managed
-- The resources that apply manages in the workspace. is_same: the resource of this name is still the one that
-- apply created or took over; null: there is none. is_over: a job that was not cancelled and that has no live
-- version under another name: it had all its runs, or its end has passed; history may no longer have it.
select managed.kind, managed.name, managed.set_name, managed.fields, managed.applied_at,
       present.object_id = managed.object_id as is_same,
       managed.kind = 'job' and present.object_id is null
       and not exists (select from kronos.jobs as job
                        where job.workspace_id = managed.workspace_id and job.name = managed.name
                          and job.first_version_id = managed.object_id
                          and job.status_reason ->> 'code' = 'cancelled')
       and not exists (select from kronos.jobs as job
                        where job.workspace_id = managed.workspace_id
                          and job.first_version_id = managed.object_id
                          and job.status in ('ACTIVE', 'PAUSED')) as is_over
  from kronos.managed
  left join lateral (select endpoint.endpoint_id as object_id
                       from kronos.endpoints as endpoint
                      where managed.kind = 'endpoint'
                        and endpoint.workspace_id = managed.workspace_id
                        and endpoint.name = managed.name and endpoint.deleted_at is null
                      union all
                     select document.document_id
                       from kronos.documents as document
                      where document.workspace_id = managed.workspace_id
                        and document.kind = upper(managed.kind)
                        and document.name = managed.name and document.deleted_at is null
                      union all
                     select job.first_version_id
                       from kronos.jobs as job
                      where managed.kind = 'job'
                        and job.workspace_id = managed.workspace_id
                        and job.name = managed.name and job.status in ('ACTIVE', 'PAUSED')
                      union all
                     select beat.heartbeat_id
                       from kronos.beats as beat
                      where managed.kind = 'heartbeat'
                        and beat.workspace_id = managed.workspace_id
                        and beat.name = managed.name and beat.deleted_at is null
                      union all
                     select rule.rule_id
                       from kronos.alert_rules as rule
                      where managed.kind = 'alert_rule'
                        and rule.workspace_id = managed.workspace_id
                        and rule.name = managed.name) as present
         on true
 where managed.workspace_id = kronos.current_workspace_id()
 order by managed.kind, managed.name;

-- name: list_live_jobs
-- The ids of the live jobs with these names.
select job.job_id, job.name
  from unnest(%(names)s::text[]) as wanted (name)
 cross join lateral (select live.job_id, live.name
                       from kronos.jobs as live
                      where live.workspace_id = kronos.current_workspace_id()
                        and live.name = wanted.name
                        and live.status in ('ACTIVE', 'PAUSED')
                      limit 1) as job;

-- name: lock_jobs
-- Lock the live jobs with these names until the transaction ends. Every change of a job locks the job before
-- the objects that it names, so here too they come before documents and endpoints, in the order of their ids.
select job.job_id, job.name
  from kronos.jobs as job
 where job.workspace_id = kronos.current_workspace_id()
   and job.name = any (%(names)s::text[])
   and job.status in ('ACTIVE', 'PAUSED')
 order by job.job_id
   for update;

-- name: set_patience
-- How long the statements of this transaction wait for locks.
select told.before, set_config('lock_timeout', %(patience)s, true) as since
  from (select current_setting('lock_timeout') as before offset 0) as told;

-- name: list_endpoints
-- The endpoints with these names.
select {Endpoint}
  from kronos.endpoint_details
 where workspace_id = kronos.current_workspace_id() and name = any (%(names)s::text[]);

-- name: list_documents
-- The documents of this kind with these names.
select document.document_id, workspace.slug as workspace, document.name, document.version, made_of.content,
       document.created_at, document.updated_at, kronos.jobs_to_move(document.document_id) as jobs_left
  from kronos.documents as document
  join kronos.document_versions as made_of using (document_id, version)
  join kronos.workspaces as workspace on workspace.workspace_id = document.workspace_id
 where document.workspace_id = kronos.current_workspace_id()
   and document.kind = %(kind)s and document.name = any (%(names)s::text[]) and document.deleted_at is null;

-- name: list_all_names
-- The names of everything that files could contain, and whether a job has none: a file cannot identify a live
-- CRON job without a name. Up to %(limit)s of each kind, by name. job_id: a job's live version; null for
-- others.
(select 'config' as kind, document.name, null::uuid as job_id
   from kronos.documents as document
  where document.workspace_id = kronos.current_workspace_id() and document.kind = 'CONFIG'
    and document.deleted_at is null
  order by document.name limit %(limit)s::integer)
 union all
(select 'payload_spec', document.name, null
   from kronos.documents as document
  where document.workspace_id = kronos.current_workspace_id() and document.kind = 'PAYLOAD_SPEC'
    and document.deleted_at is null
  order by document.name limit %(limit)s::integer)
 union all
(select 'calendar', document.name, null
   from kronos.documents as document
  where document.workspace_id = kronos.current_workspace_id() and document.kind = 'CALENDAR'
    and document.deleted_at is null
  order by document.name limit %(limit)s::integer)
 union all
(select 'secret', secret.name, null
   from kronos.secrets as secret
  where secret.workspace_id = kronos.current_workspace_id()
  order by secret.name limit %(limit)s::integer)
 union all
(select 'endpoint', endpoint.name, null
   from kronos.endpoints as endpoint
  where endpoint.workspace_id = kronos.current_workspace_id() and endpoint.deleted_at is null
    and endpoint.type <> 'INTERNAL'
  order by endpoint.name limit %(limit)s::integer)
 union all
(select 'job', job.name, job.job_id
   from kronos.jobs as job
  where job.workspace_id = kronos.current_workspace_id() and job.trigger = 'CRON'
    and job.status in ('ACTIVE', 'PAUSED')
  order by job.name limit %(limit)s::integer)
 union all
(select 'heartbeat', beat.name, null
   from kronos.beats as beat
  where beat.workspace_id = kronos.current_workspace_id() and beat.deleted_at is null
  order by beat.name limit %(limit)s::integer)
 union all
(select 'alert_rule', rule.name, null
   from kronos.alert_rules as rule
  where rule.workspace_id = kronos.current_workspace_id()
  order by rule.name limit %(limit)s::integer);

-- name: list_fitting
-- Resources of one kind other than jobs, by name: the first existing ones of %(names)s, as many as fit into
-- %(bytes)s of user data, but at least one. No row: none of them exists any more.
with named as materialized (
    select array_agg(present.id order by wanted.nth) as ids,
           array_agg(wanted.name order by wanted.nth) as names
      from unnest(%(names)s::text[]) with ordinality as wanted (name, nth)
     cross join lateral (select endpoint.endpoint_id as id
                           from kronos.endpoints as endpoint
                          where %(kind)s::text = 'endpoint'
                            and endpoint.workspace_id = kronos.current_workspace_id()
                            and endpoint.name = wanted.name and endpoint.deleted_at is null
                          union all
                         select document.document_id
                           from kronos.documents as document
                          where document.workspace_id = kronos.current_workspace_id()
                            and document.kind = upper(%(kind)s::text)
                            and document.name = wanted.name and document.deleted_at is null
                          union all
                         select beat.heartbeat_id
                           from kronos.beats as beat
                          where %(kind)s::text = 'heartbeat'
                            and beat.workspace_id = kronos.current_workspace_id()
                            and beat.name = wanted.name and beat.deleted_at is null
                          union all
                         select rule.rule_id
                           from kronos.alert_rules as rule
                          where %(kind)s::text = 'alert_rule'
                            and rule.workspace_id = kronos.current_workspace_id()
                            and rule.name = wanted.name) as present
), fitting as (
    select case when %(kind)s::text in ('heartbeat', 'alert_rule') then named.ids
                when %(kind)s::text = 'endpoint'
                    then kronos.fitting_endpoints(named.ids, cardinality(named.ids), %(bytes)s::integer)
                else kronos.fitting_documents(named.ids, cardinality(named.ids), %(bytes)s::integer)
           end as ids
      from named
     where named.ids is not null
)
select unnest(named.names[1:cardinality(fitting.ids)]) as name
  from named
 cross join fitting;

-- name: list_fitting_jobs
-- Of the jobs that had the versions %(job_ids)s when they were listed, the first that still exist, as many as
-- fit into %(bytes)s of user data, but at least one; nth: the place among %(job_ids)s. job_id: the live
-- version, or, if that has another name, the one that was listed. So each job comes once, under the name that
-- was listed.
with here as materialized (
    select array_agg(chosen.job_id order by listed.nth) as ids,
           array_agg(listed.nth order by listed.nth) as places
      from unnest(%(job_ids)s::uuid[]) with ordinality as listed (job_id, nth)
      join kronos.jobs as version on version.job_id = listed.job_id
       and version.workspace_id = kronos.current_workspace_id()
     cross join lateral (select case when live.name = version.name then live.job_id
                                     else version.job_id end as job_id
                           from kronos.jobs as live
                          where live.workspace_id = kronos.current_workspace_id()
                            and live.first_version_id = version.first_version_id
                            and live.status in ('ACTIVE', 'PAUSED')
                          limit 1) as chosen
), fitting as (
    select kronos.fitting_jobs(here.ids, cardinality(here.ids), %(bytes)s::integer) as ids
      from here
     where here.ids is not null
)
select each.job_id, each.nth::integer as nth
  from here
 cross join fitting
 cross join lateral unnest(here.ids[1:cardinality(fitting.ids)], here.places[1:cardinality(fitting.ids)])
         as each (job_id, nth);

-- name: list_last_changes
-- For each of %(objects)s the last row of the audit that did not come from an apply. No row: none, or none is
-- kept.
select asked.kind, asked.name, change.actor, change.at, change.action
  from jsonb_to_recordset(%(objects)s) as asked (kind text, name text)
 cross join lateral (select entry.actor, entry.at, entry.action
                       from kronos.list_audit(kronos.current_workspace_id(),
                                              jsonb_build_object('object_type', asked.kind,
                                                                 'object', asked.name), 'infinity',
                                              'ffffffff-ffff-ffff-ffff-ffffffffffff', 20) as entry
                      where entry.source is distinct from 'apply'
                      order by entry.at desc, entry.audit_id desc
                      limit 1) as change;

-- name: list_coming_runs
-- How many runs each of these live CRON jobs has %(within)s, within its window and its max_runs, and the
-- first %(shown)s of them; only ticks that are not accounted for yet. Jobs that run alike are computed once.
-- No row: the job is paused, or its row is malformed.
with asked as materialized (
    select job.job_id, job.name, job.skip_next, job.workspace_id, job.calendars, job.on_blackout,
           job.schedule, kronos.finite(job.starts_at) as starts_at, kronos.finite(job.ends_at) as ends_at,
           coalesce(pointer.tick_at, pointer.next_tick_at) as tick,
           case when job.max_runs is not null
                then greatest(0, job.max_runs - coalesce(pointer.runs, 0)) end as runs_left
      from kronos.jobs as job
      left join kronos.pointers as pointer using (job_id)
     where job.job_id = any (%(job_ids)s::uuid[])
       and job.workspace_id = kronos.current_workspace_id()
       and job.status = 'ACTIVE'
       and job.trigger = 'CRON'
       and kronos.schedule_fault(job.schedule) is null
), alike as materialized (
    select each.*,
           array(select kronos.runs_within(each.workspace_id, each.calendars, each.on_blackout, each.schedule,
                                           each.starts_at, each.ends_at,
                                           kronos.now() + interval '1 microsecond',
                                           kronos.now() + %(within)s::interval, 10200, each.tick)) as runs
      from (select distinct workspace_id, calendars, on_blackout, schedule, starts_at, ends_at, tick
              from asked) as each
)
select asked.job_id, asked.name,
       greatest(0, least(cardinality(alike.runs) - asked.skip_next, asked.runs_left))::integer as runs,
       alike.runs[asked.skip_next + 1
                  :asked.skip_next + least(%(shown)s::integer, asked.runs_left)::integer] as first_runs
  from asked
  join alike on (alike.workspace_id, alike.calendars, alike.on_blackout, alike.schedule)
                    = (asked.workspace_id, asked.calendars, asked.on_blackout, asked.schedule)
   and alike.starts_at is not distinct from asked.starts_at
   and alike.ends_at is not distinct from asked.ends_at
   and alike.tick is not distinct from asked.tick;

-- name: set_managed
-- Record the files' fields of the existing resources: they belong to the set from now on.
insert into kronos.managed as managed (workspace_id, kind, name, set_name, object_id, fields, applied_at)
select kronos.current_workspace_id(), given.kind, given.name, %(set_name)s::text, present.object_id,
       given.fields, kronos.now()
  from jsonb_to_recordset(%(resources)s) as given (kind text, name text, fields jsonb)
 cross join lateral (select endpoint.endpoint_id as object_id
                       from kronos.endpoints as endpoint
                      where given.kind = 'endpoint'
                        and endpoint.workspace_id = kronos.current_workspace_id()
                        and endpoint.name = given.name and endpoint.deleted_at is null
                      union all
                     select document.document_id
                       from kronos.documents as document
                      where document.workspace_id = kronos.current_workspace_id()
                        and document.kind = upper(given.kind)
                        and document.name = given.name and document.deleted_at is null
                      union all
                     select job.first_version_id
                       from kronos.jobs as job
                      where given.kind = 'job'
                        and job.workspace_id = kronos.current_workspace_id()
                        and job.name = given.name and job.status in ('ACTIVE', 'PAUSED')
                      union all
                     select beat.heartbeat_id
                       from kronos.beats as beat
                      where given.kind = 'heartbeat'
                        and beat.workspace_id = kronos.current_workspace_id()
                        and beat.name = given.name and beat.deleted_at is null
                      union all
                     select rule.rule_id
                       from kronos.alert_rules as rule
                      where given.kind = 'alert_rule'
                        and rule.workspace_id = kronos.current_workspace_id()
                        and rule.name = given.name) as present
    on conflict (workspace_id, kind, name) do update
   set set_name = excluded.set_name, object_id = excluded.object_id, fields = excluded.fields,
       applied_at = excluded.applied_at
 where (managed.set_name, managed.object_id, managed.fields)
       is distinct from (excluded.set_name, excluded.object_id, excluded.fields)
returning managed.kind, managed.name;

-- name: delete_managed
-- Deleted resources, and those that a person has replaced, are no longer managed.
delete from kronos.managed
 using jsonb_to_recordset(%(resources)s) as given (kind text, name text)
 where managed.workspace_id = kronos.current_workspace_id()
   and managed.kind = given.kind and managed.name = given.name
returning managed.kind, managed.name;
