-- jobs_beside: what lists show in addition to the jobs' rows, for a whole page together: the pg_cron entries
-- of CRON jobs that have one, and the executions of one-shots, each with its creation time. Inlined.
-- Returns: no row for a job with neither. Runs as the caller: row level security applies.
create or replace function kronos.jobs_beside(p_cron uuid[], p_one_shots uuid[], p_created_at timestamptz[])
returns table (job_id uuid, pg_cron jsonb, execution jsonb)
language sql stable
as $$
    select found.job_id, found.entry, null::jsonb from kronos.pg_cron_entries_of(p_cron) as found
     union all
    select shown.job_id, null::jsonb, shown.execution
      from kronos.one_shots_shown(p_one_shots, p_created_at) as shown
$$;
