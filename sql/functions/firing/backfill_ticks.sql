-- backfill_ticks: the ticks of a job's schedule in [p_from, p_to), within the job's own window, the first p_limit of them; and which of them a
-- backfill leaves out: those for which any version of the job has an execution that is not finished, or that ended SUCCESS or FAILED, and those
-- that the schedule itself has yet to account for. A tick that was MISSED, SKIPPED, EXPIRED or CANCELLED is not left out.
-- Called by: advance_backfill; queries/backfills.sql (count_ticks). As the caller, so row level security holds.
-- Returns: in order; no row for a job without a schedule. The present state: what it says of a tick can be different a moment later.
create or replace function kronos.backfill_ticks(p_job kronos.jobs, p_from timestamptz, p_to timestamptz, p_limit integer)
returns table (tick timestamptz, is_left_out boolean)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off      -- the planner does not know how small the window is
as $$
declare
    v_versions uuid[];
    v_pointer  timestamptz;
    v_ticks    timestamptz[];
begin
    v_ticks := array(select kronos.ticks_within(p_job.schedule, greatest(p_from, p_job.starts_at), least(p_to, p_job.ends_at), p_limit));
    select array_agg(version.job_id), min(version.next_tick_at) filter (where version.status = 'ACTIVE')
      into v_versions, v_pointer
      from kronos.jobs as version
     where version.first_version_id = p_job.first_version_id;
    return query
        with run as materialized (
            select live.scheduled_at
              from kronos.execution_live as live
             where live.job_id = any (v_versions)
               and live.scheduled_at between v_ticks[1] and v_ticks[cardinality(v_ticks)]
               and live.cause in ('SCHEDULE', 'CATCH_UP', 'BACKFILL')
             union
            select done.scheduled_at
              from kronos.execution_done as done
             where done.job_id = any (v_versions)
               and done.scheduled_at between v_ticks[1] and v_ticks[cardinality(v_ticks)]
               and done.cause in ('SCHEDULE', 'CATCH_UP', 'BACKFILL')
               and done.status in ('SUCCESS', 'FAILED')
        )
        select nominal.at, run.scheduled_at is not null or coalesce(nominal.at >= v_pointer, false)
          from unnest(v_ticks) as nominal (at)
          left join run on run.scheduled_at = nominal.at
         order by nominal.at;
end
$$;
