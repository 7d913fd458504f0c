-- one_shot_details: one_shot_rows as the API shows jobs, without the execution. The columns are those of the
-- view version_details. Runs as the caller: row level security applies.
create or replace function kronos.one_shot_details(p_job_ids uuid[])
returns table (job_id uuid, workspace_id uuid, first_version_id uuid, name text, workspace text,
               endpoint text, endpoint_type text, trigger text, status text, status_reason jsonb,
               version integer, previous_version_id uuid, replaced_by_id uuid, cron text,
               every text, anchor timestamptz, anchor_local text, timezone text, description text,
               starts_at timestamptz, ends_at timestamptz, max_runs integer, dst_gap text, dst_overlap text,
               jitter_seconds integer, overlap text, catch_up jsonb, skip_next integer, resume_at timestamptz,
               next_run_at timestamptz, last_run_at timestamptz, pg_cron jsonb, idempotency_key text,
               run_at timestamptz,
               run_at_local text, input jsonb, priority integer, tags text[], created_at timestamptz,
               retired_at timestamptz, title text, on_success jsonb, on_failure jsonb,
               deadline_seconds integer, calendars text[], on_blackout text, spread text,
               offset_seconds integer)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    return query
        select job.job_id, job.workspace_id, job.first_version_id, job.name, workspace.slug,
               endpoint.name, endpoint.type, job.trigger, job.status, job.status_reason, job.version,
               job.previous_version_id, job.replaced_by_id, job.cron, job.every, job.anchor, null::text,
               job.timezone, job.description, job.starts_at, job.ends_at, job.max_runs, job.dst_gap,
               job.dst_overlap, job.jitter_seconds, job.overlap,
               kronos.catch_up_shown(job.catch_up_policy, job.catch_up_window_seconds), job.skip_next,
               job.resume_at, null::timestamptz, job.last_run_at, null::jsonb, job.idempotency_key,
               job.run_at, null::text, job.input, job.priority::integer, job.tags, job.created_at,
               job.retired_at, job.title, job.on_success, job.on_failure, job.deadline_seconds,
               job.calendars, job.on_blackout, job.spread, job.offset_seconds
          from kronos.one_shot_rows(p_job_ids) as job
          join kronos.endpoints as endpoint on endpoint.endpoint_id = job.endpoint_id
          join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id;
end
$$;
