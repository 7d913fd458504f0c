-- version_details: a row of kronos.jobs as the API shows a job: names instead of ids, its current pg_cron
-- entry, a one-shot's execution. For one-shots without a row see one_shot_details.
create or replace view kronos.version_details with (security_invoker = true) as
    select job.job_id, job.workspace_id, job.first_version_id, job.name, workspace.slug as workspace,
           endpoint.name as endpoint, endpoint.type as endpoint_type, job.trigger, job.status,
           job.status_reason, job.version, job.previous_version_id, job.replaced_by_id,
           job.cron, job.every, case when job.anchor_local is null then job.anchor
                                     else kronos.anchor_of(job) end as anchor,
           kronos.iso_local(job.anchor_local) as anchor_local, job.timezone, job.description, job.starts_at,
           job.ends_at, job.max_runs, job.dst_gap, job.dst_overlap, job.jitter_seconds, job.overlap,
           kronos.catch_up_shown(job.catch_up_policy, job.catch_up_window_seconds) as catch_up,
           job.skip_next, job.resume_at,
           case when workspace.status <> 'ACTIVE' or job.status not in ('ACTIVE', 'PAUSED') then null
                when job.status = 'ACTIVE' and pointer.next_tick_at > kronos.now() and job.skip_next = 0
                     and job.calendars = '{}'
                    then nullif(pointer.next_tick_at, 'infinity')
                when job.trigger = 'CRON' then kronos.next_run_of(job, pointer)
           end as next_run_at,
           coalesce(pointer.last_run_at, job.last_run_at) as last_run_at,
           case when job.status = 'ACTIVE' and job.trigger = 'CRON'
                then kronos.pg_cron_entry(job.job_id) end as pg_cron,
           job.idempotency_key, job.run_at, kronos.iso_local(job.run_at_local) as run_at_local, job.input,
           job.priority::integer as priority, job.tags, job.created_at, job.retired_at,
           case when job.trigger <> 'CRON' then
               (select shown.execution
                  from kronos.one_shots_shown(array[job.job_id], array[job.created_at]) as shown
                 limit 1)
           end as execution, job.title,
           kronos.callback_shown(job.on_success) as on_success,
           kronos.callback_shown(job.on_failure) as on_failure,
           job.deadline_seconds, job.calendars, job.on_blackout, job.spread, job.offset_seconds
      from kronos.jobs as job
      join kronos.endpoints as endpoint using (endpoint_id)
      join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id
      left join lateral kronos.pointer_of(case when job.trigger = 'CRON'
                                               then job.job_id end) as pointer on true;
