-- jobs_beside: what lists show beside the rows of jobs, for all of a page at once: the pg_cron entries of the
-- CRON jobs that have one, and the executions of the one-shots, each with its time of creation. Inlined.
-- Returns: no row for a job that has neither.   As the caller: row level security holds.
create or replace function kronos.jobs_beside(p_cron uuid[], p_one_shots uuid[], p_created_at timestamptz[])
returns table (job_id uuid, pg_cron jsonb, execution jsonb)
language sql stable
as $$
    select found.job_id, found.entry, null::jsonb from kronos.pg_cron_entries_of(p_cron) as found
     union all
    select shown.job_id, null::jsonb, shown.execution
      from kronos.one_shots_shown(p_one_shots, p_created_at) as shown
$$;
