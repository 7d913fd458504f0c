-- name: settle_ticks
-- First statement of a backfill: accounts for the job's due ticks under the version in force, which the later
-- statements then use (kronos.settled_job_id), even if its name has passed to a newer one.
select found.job_id, kronos.settle_ticks(found.job_id) as executions
  from (select kronos.find_job(%(job)s) as job_id) as found;

-- name: settle_version
-- settle_ticks as the first statement of every change of a job. If the job is at none of the versions in
-- %(if_match)s (null: any), the later statements find nothing to change.
select found.job_id, kronos.settle_version(found.job_id, %(if_match)s::integer[]) as executions
  from (select kronos.find_job(%(job)s) as job_id) as found;

-- name: replace_cron_job
-- Retire the live version and store the next one with its pg_cron entry (none while the workspace is
-- suspended), in one statement. A field that is not in %(changed)s stays as it is. %(validated)s: see
-- enter_validated.
-- No row: nothing live to replace (absent, retired, one-shot, another replace was first, another version than
-- requested), no such endpoint, or an anchor (%(has_anchor)s) for a cron expression.
with old as materialized (
    select *
      from kronos.jobs
     where set_config('kronos.validated', %(validated)s::text, true) is not null
       and job_id = kronos.settled_job_id()
       and workspace_id = kronos.current_workspace_id()
       and status in ('ACTIVE', 'PAUSED')
       and trigger = 'CRON'
       and (not %(has_anchor)s or num_nonnulls(%(every)s::text, every) > 0)
       for update
), endpoint as materialized (
    select endpoint.endpoint_id
      from kronos.endpoints as endpoint, old
     where endpoint.workspace_id = old.workspace_id
       and endpoint.deleted_at is null
       and case when %(endpoint)s::text is null then endpoint.endpoint_id = old.endpoint_id
                else endpoint.name = %(endpoint)s::text end
), fresh as materialized (
    select old.*, endpoint.endpoint_id as next_endpoint_id, pointer.last_run_at as ran_last_at,
           coalesce(pointer.runs_from, 0) as runs_from, coalesce(pointer.is_halted, false) as is_halted,
           coalesce(pointer.is_internal, false) as is_internal,
           case when %(every)s::text is not null then null
                when %(cron)s::text is not null then %(cron)s::text
                else old.cron end as next_cron,
           case when %(cron)s::text is not null then null
                when %(every)s::text is not null then %(every)s::text
                else old.every end as next_every,
           case when %(cron)s::text is null and %(anchor_local)s::timestamp is null
                then coalesce(%(anchor)s::timestamptz, old.anchor) end as next_anchor,
           case when %(cron)s::text is null and %(anchor)s::timestamptz is null
                then coalesce(%(anchor_local)s::timestamp, old.anchor_local) end as next_anchor_local,
           coalesce(%(timezone)s::text, old.timezone) as next_timezone,
           coalesce(%(dst_gap)s::text, old.dst_gap) as next_dst_gap,
           coalesce(%(dst_overlap)s::text, old.dst_overlap) as next_dst_overlap,
           case when 'starts_at' = any (%(changed)s::text[]) then %(starts_at)s::timestamptz
                else old.starts_at end as next_starts_at,
           case when 'ends_at' = any (%(changed)s::text[]) then %(ends_at)s::timestamptz
                else old.ends_at end as next_ends_at,
           pointer.tick_at as held_at,
           case when 'calendars' = any (%(changed)s::text[]) then %(calendars)s::text[]
                else old.calendars end as next_calendars,
           coalesce(%(on_blackout)s::text, old.on_blackout) as next_on_blackout
      from endpoint
     cross join old
      left join lateral kronos.pointer_of(old.job_id) as pointer on true
), read as materialized (
    select kronos.read_schedule(next_cron, next_every, next_anchor, next_timezone, next_dst_gap,
                                next_dst_overlap, next_anchor_local) as next_schedule from fresh
), first as materialized (      -- before the row: a schedule that never fires gets its own error
    select place.*
      from fresh
     cross join read
     cross join lateral kronos.first_place(fresh.job_id, fresh.held_at, read.next_schedule,
                                           fresh.next_starts_at, fresh.next_ends_at, fresh.next_calendars,
                                           fresh.next_on_blackout) as place
), retired as (
    update kronos.jobs as job
       set status = 'RETIRED', replaced_by_id = %(job_id)s,
           status_reason = jsonb_build_object('code', 'replaced', 'detail', 'replaced by a newer version')
      from fresh
     where job.job_id = fresh.job_id
    returning job.job_id
), unregistered as materialized (
    select kronos.unregister_pg_cron(job_id) as was_there from retired
), next as (
    insert into kronos.jobs (job_id, first_version_id, previous_version_id, version, workspace_id,
                             endpoint_id, trigger, status, status_reason, input, cron, timezone,
                             schedule, alarm, description, every, anchor, anchor_local, starts_at, ends_at,
                             dst_gap, dst_overlap, ticks_from, skip_next, resume_at, calendars, on_blackout,
                             offset_seconds, {CronTerms but cron, timezone, every, anchor, starts_at, ends_at,
                                           dst_gap, dst_overlap, calendars, on_blackout, offset_seconds})
    select %(job_id)s, fresh.first_version_id, fresh.job_id, fresh.version + 1, fresh.workspace_id,
           fresh.next_endpoint_id, 'CRON', fresh.status, fresh.status_reason,
           coalesce(%(input)s::jsonb, fresh.input), fresh.next_cron, fresh.next_timezone,
           read.next_schedule, kronos.alarm(fresh.next_cron, read.next_schedule),
           kronos.describe_schedule(read.next_schedule), fresh.next_every,
           (read.next_schedule).anchor, (read.next_schedule).anchor_local,
           fresh.next_starts_at, fresh.next_ends_at, fresh.next_dst_gap, fresh.next_dst_overlap,
           first.ticks_from, fresh.skip_next, fresh.resume_at, fresh.next_calendars, fresh.next_on_blackout,
           case when 'offset_seconds' = any (%(changed)s::text[]) then %(offset_seconds)s::integer
                else kronos.offset_within(case when 'spread' = any (%(changed)s::text[]) then %(spread)s::text
                                               else fresh.spread end, fresh.offset_seconds) end,
           {CronTerms but cron, timezone, every, anchor, starts_at, ends_at, dst_gap, dst_overlap,
            calendars, on_blackout, offset_seconds changed of fresh}
      from fresh, read, first
     where (select count(was_there) from unregistered) = 1
    returning job_id, workspace_id, status
), pointed as (
    insert into kronos.pointers (job_id, workspace_id, next_tick_at, tick_at, last_run_at, runs_from,
                                 is_paused, is_halted, is_internal)
    select next.job_id, next.workspace_id,
           -- with calendars the same tick twice: place_pointer computes them again, because a calendar may
           -- just have changed
           case when fresh.next_calendars = '{}' then first.due_at
                else coalesce(first.tick_at, first.due_at) end,
           case when fresh.next_calendars <> '{}' then coalesce(first.tick_at, first.due_at) end,
           fresh.ran_last_at, fresh.runs_from,
           next.status = 'PAUSED', fresh.is_halted, fresh.is_internal
      from next, fresh, first
), registered as materialized (
    select kronos.register_pg_cron(next.job_id) as jobid
      from next
     where next.status = 'ACTIVE'
       and exists (select from kronos.workspaces as workspace
                    where workspace.workspace_id = kronos.current_workspace_id()
                      and workspace.status = 'ACTIVE')
)
select next.job_id, (select count(jobid) from registered)::integer as entries from next;
