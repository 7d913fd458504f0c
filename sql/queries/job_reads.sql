-- name: find_taken
-- The existing objects that a batch names: endpoints; those of them that have a payload spec, with its
-- current version; the jobs that its keys created ({"key": {"job_id", "request_sha256"}}); names of live
-- jobs, and of the CRON jobs that its callbacks run; and the room in the workspace's quotas. One row.
select workspace.slug as workspace, workspace.status as workspace_status,
       array(select endpoint.name
               from kronos.endpoints as endpoint
              where endpoint.workspace_id = kronos.current_workspace_id()
                and endpoint.name = any (%(endpoints)s::text[])
                and endpoint.deleted_at is null) as endpoints,
       (select coalesce(jsonb_object_agg(endpoint.name,
                                         jsonb_build_object('endpoint_id', endpoint.endpoint_id,
                                                            'document_id', spec.document_id,
                                                            'version', spec.version, 'name', spec.name)),
                        '{}')
          from kronos.endpoints as endpoint
          join kronos.documents as spec on spec.document_id = endpoint.payload_spec_id
         where endpoint.workspace_id = kronos.current_workspace_id()
           and endpoint.name = any (%(endpoints)s::text[])
           and endpoint.deleted_at is null) as specs,
       (select coalesce(jsonb_object_agg(job.idempotency_key,
                                         jsonb_build_object('job_id', job.job_id, 'request_sha256',
                                                            encode(job.request_sha256, 'hex'))), '{}')
          from kronos.jobs as job
         where job.workspace_id = kronos.current_workspace_id()
           and job.idempotency_key = any (%(keys)s::text[])) as twins,
       array(select job.name
               from kronos.jobs as job
              where job.workspace_id = kronos.current_workspace_id()
                and job.name = any (%(names)s::text[])
                and job.status in ('ACTIVE', 'PAUSED')) as names,
       array(select job.name
               from kronos.jobs as job
              where job.workspace_id = kronos.current_workspace_id()
                and job.name = any (%(called)s::text[])
                and job.trigger = 'CRON'
                and job.status in ('ACTIVE', 'PAUSED')) as called,
       kronos.quota_room() as quotas
  from kronos.workspaces as workspace
 where workspace.workspace_id = kronos.current_workspace_id();

-- name: list_jobs_by_ids
-- Those of %(ids)s that have a row in kronos.jobs, as list_jobs returns them; unordered.
with job as materialized (
    select job.*
      from unnest(%(ids)s::uuid[]) as wanted (id)
     cross join lateral (select {Job but pg_cron, execution}
                           from kronos.version_details as detail
                          where detail.job_id = wanted.id
                            and detail.workspace_id = kronos.current_workspace_id()
                          limit 1) as job
)
select {Job}
  from job
  left join (select beside.*
               from (select array_agg(job_id) filter (where trigger = 'CRON' and status = 'ACTIVE') as cron,
                            array_agg(job_id) filter (where trigger <> 'CRON') as one_shots,
                            array_agg(created_at) filter (where trigger <> 'CRON') as created_at
                       from job) as page
              cross join lateral kronos.jobs_beside(page.cron, page.one_shots,
                                                    page.created_at) as beside) as beside using (job_id);

-- name: find_twin
-- The job that an idempotency key created, and whether the request was the same. No row: none.
select job_id, request_sha256 is not distinct from %(request_sha256)s::bytea as is_same_request
  from kronos.jobs
 where workspace_id = kronos.current_workspace_id()
   and idempotency_key = %(idempotency_key)s;

-- name: get_job
-- %(job)s is an id or a name.
select {Job}
  from kronos.version_details
 where job_id = kronos.find_job(%(job)s)
   and workspace_id = kronos.current_workspace_id()
 union all
select {Job}
  from kronos.one_shot_details(array[kronos.find_job(%(job)s)]) as detail
 cross join lateral (select shown.execution
                       from kronos.one_shots_shown(array[detail.job_id],
                                                   array[detail.created_at]) as shown) as shown
 where workspace_id = kronos.current_workspace_id();

-- name: list_jobs
-- First the ids of the page, plus one, of which only as many rows are returned as fit into %(bytes)s. Then
-- the jobs, their entries and the executions of one-shots, each for the whole page at once. The view would
-- read them job by job (50 jobs: 51 ms instead of 8).
with found as materialized (
    select array(
           select found.job_id
             from unnest(case when %(status)s::text = 'LIVE' then array['ACTIVE', 'PAUSED']
                              else array[%(status)s::text] end) as wanted (status)
            cross join lateral kronos.find_jobs(%(endpoint)s::text, %(trigger)s::text, wanted.status,
                                                %(tag)s::text, %(q)s::text, %(created_after)s::timestamptz,
                                                %(created_before)s::timestamptz,
                                                %(before_created_at)s::timestamptz, %(before_id)s::uuid,
                                                %(limit)s::integer + 1) as found
            order by found.created_at desc, found.job_id desc
            limit %(limit)s::integer + 1) as ids
), page as materialized (
    select fitting.job_id, cardinality(fitting.ids) < cardinality(found.ids) as more_follow
      from found
     cross join lateral (select kept.ids, unnest(kept.ids) as job_id
                           from kronos.fitting_jobs(found.ids, %(limit)s::integer,
                                                    %(bytes)s::integer) as kept (ids)) as fitting
), job as materialized (
    select job.*
      from page
     cross join lateral (select {Job but pg_cron, execution}
                           from kronos.version_details as detail
                          where detail.job_id = page.job_id
                            and detail.workspace_id = kronos.current_workspace_id()
                          limit 1) as job
     union all
    select {Job but pg_cron, execution}
      from kronos.one_shot_details(array(select page.job_id from page)) as detail
     where detail.workspace_id = kronos.current_workspace_id()
)
select {Job}, (select bool_or(page.more_follow) from page) as _more
  from job
  left join (select beside.*
               from (select array_agg(job_id) filter (where trigger = 'CRON' and status = 'ACTIVE') as cron,
                            array_agg(job_id) filter (where trigger <> 'CRON') as one_shots,
                            array_agg(created_at) filter (where trigger <> 'CRON') as created_at
                       from job) as page
              cross join lateral kronos.jobs_beside(page.cron, page.one_shots,
                                                    page.created_at) as beside) as beside using (job_id)
 order by created_at desc, job_id desc;

-- name: list_sorted_jobs
-- As list_jobs, for live CRON jobs in the order of %(sort)s (sorted_jobs).
with found as materialized (
    select array_agg(sorted.job_id order by sorted.nth) as ids,
           array_agg(sorted.at order by sorted.nth) as times
      from kronos.sorted_jobs(%(sort)s, %(endpoint)s::text, %(status)s::text, %(tag)s::text, %(q)s::text,
                              %(created_after)s::timestamptz, %(created_before)s::timestamptz,
                              %(after_name)s::text, %(after_at)s::timestamptz, %(after_id)s::uuid,
                              %(limit)s::integer + 1) with ordinality as sorted (job_id, at, nth)
), page as materialized (
    select fitting.job_id, fitting.nth, found.times[fitting.nth] as at,
           cardinality(fitting.ids) < cardinality(found.ids) as more_follow
      from found
     cross join lateral (select kept.ids, each.job_id, each.nth
                           from kronos.fitting_jobs(found.ids, %(limit)s::integer,
                                                    %(bytes)s::integer) as kept (ids)
                          cross join lateral unnest(kept.ids) with ordinality
                             as each (job_id, nth)) as fitting
), job as materialized (
    select job.*, page.nth, page.at
      from page
     cross join lateral (select {Job but pg_cron, execution}
                           from kronos.version_details as detail
                          where detail.job_id = page.job_id
                            and detail.workspace_id = kronos.current_workspace_id()
                          limit 1) as job
)
select {Job of job with beside.pg_cron as pg_cron, null::jsonb as execution},
       (select bool_or(page.more_follow) from page) as _more, job.at as _at
  from job
  left join (select beside.*
               from (select array_agg(job_id) filter (where status = 'ACTIVE') as cron from job) as page
              cross join lateral kronos.pg_cron_entries_of(page.cron) as beside (job_id, pg_cron)) as beside
       using (job_id)
 order by job.nth;

-- name: list_versions
-- The versions of the job %(job)s, an id of one of them or a name. No coalesce for the start of a page, and
-- the ids of the page first: see list_executions.
with found as materialized (
    select array(
           select version.job_id
             from kronos.jobs as version
            where version.workspace_id = kronos.current_workspace_id()
              and version.first_version_id = (select job.first_version_id
                                                from kronos.jobs as job
                                               where job.job_id = kronos.find_job(%(job)s))
              and version.version < case when %(before_version)s::bigint is null then 2147483648
                                         else %(before_version)s::bigint end
            order by version.version desc
            limit %(limit)s::integer + 1) as ids
), page as materialized (
    select kept.ids, cardinality(kept.ids) < cardinality(found.ids) as more_follow
      from found
     cross join lateral kronos.fitting_jobs(found.ids, %(limit)s::integer, %(bytes)s::integer) as kept (ids)
)
select {Job}, more_follow as _more
  from page
 cross join lateral unnest(page.ids) as wanted (id)
 cross join lateral (select {Job}
                       from kronos.version_details as found
                      where found.job_id = wanted.id and found.workspace_id = kronos.current_workspace_id()
                      limit 1) as job
 union all
select {Job}, false as _more
  from kronos.one_shot_details(array[kronos.find_job(%(job)s)]) as detail
 cross join lateral (select shown.execution
                       from kronos.one_shots_shown(array[detail.job_id],
                                                   array[detail.created_at]) as shown) as shown
 where workspace_id = kronos.current_workspace_id()
   and (%(before_version)s::bigint is null or %(before_version)s::bigint > version)
 order by version desc;

-- name: get_job_statistics
-- One row per status of the executions of the last 24 hours, counted in ticks: for an id of that version, for
-- a name of all versions.
select counted.status, counted.ticks, counted.last_scheduled_at
  from kronos.count_outcomes(kronos.find_versions(%(job)s)) as counted
 order by counted.status;

-- name: list_recent_runs
-- The last %(limit)s executions of each CRON job in %(ids)s, newest first per job; a row without an execution
-- for a job that has had none. overdue_since: its oldest tick that has not become a run, a minute after its
-- time.
select job.job_id, run.execution_id, run.status, run.cause, run.scheduled_at, run.ticks, run.duration_ms,
       case when job.status = 'ACTIVE' and workspace.status = 'ACTIVE'
             and pointer.next_tick_at < kronos.now() - interval '60 seconds'
            then pointer.next_tick_at end as overdue_since
  from kronos.jobs as job
  join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id
  left join kronos.pointers as pointer on pointer.job_id = job.job_id
  left join kronos.recent_runs(%(ids)s::uuid[], %(limit)s::integer) as run on run.job_id = job.job_id
 where job.job_id = any (%(ids)s::uuid[])
   and job.workspace_id = kronos.current_workspace_id()
   and job.trigger = 'CRON'
 order by job.job_id, run.nth;

-- name: find_jobs_for_bulk
-- The newest %(limit)s jobs to which an operation applies, after a position in the list.
select found.job_id, found.created_at
  from kronos.jobs_to_change(%(which)s::jsonb, %(before_created_at)s::timestamptz, %(before_id)s::uuid,
                             %(limit)s::integer) as found
 order by found.created_at desc, found.job_id desc;

-- name: count_jobs_for_bulk
-- How many jobs an operation would apply to, counted up to %(limit)s. One row.
select count(*) as number
  from kronos.jobs_to_change(%(which)s::jsonb, null, null, %(limit)s::integer);
