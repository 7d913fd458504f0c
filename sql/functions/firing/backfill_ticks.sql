-- backfill_ticks: the ticks of a job's schedule in [p_from, p_to), within the job's own window, the first p_limit of them; and which of them a
-- backfill leaves out: those for which any version of the job has an execution that is not finished, or that ended SUCCESS or FAILED, and those
-- that the schedule itself has yet to account for. A tick that was MISSED, SKIPPED, EXPIRED or CANCELLED is not left out.
-- The finished are looked for by the ids that a run of the tick can have: the schedule's, of the version that answered for it, and that of each
-- backfill whose window holds it. So a look touches the partitions of those ids, whatever else there is.
-- Called by: advance_backfill; queries/backfills.sql (count_ticks). As the caller, so row level security holds.
-- Returns: in order; no row for a job without a schedule. The present state: what it says of a tick can be different a moment later.
create or replace function kronos.backfill_ticks(p_job kronos.jobs, p_from timestamptz, p_to timestamptz, p_limit integer)
returns table (tick timestamptz, is_left_out boolean)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off      -- the planner does not know how small the window is
as $$
declare
    v_versions uuid[];
    v_pointer  timestamptz;
    v_ticks    timestamptz[];
    v_run      timestamptz[];
begin
    v_ticks := array(select kronos.ticks_within(p_job.schedule, greatest(p_from, p_job.starts_at), least(p_to, p_job.ends_at), p_limit));
    select array_agg(version.job_id), min(pointer.next_tick_at)
      into v_versions, v_pointer
      from kronos.jobs as version
      left join lateral kronos.pointer_of(version.job_id) as pointer on version.status = 'ACTIVE'
     where version.first_version_id = p_job.first_version_id;
    with possible as materialized (
        select nominal.at, kronos.tick_id(version.job_id, nominal.at) as execution_id
          from kronos.jobs as version
          join unnest(v_ticks) as nominal (at)
            on nominal.at > version.ticks_from and (version.ticks_until is null or nominal.at <= version.ticks_until)
         where version.first_version_id = p_job.first_version_id
        union all
        select nominal.at, kronos.backfill_execution_id(backfill.backfill_id, kronos.finite(backfill.created_at), nominal.at)
          from kronos.backfills as backfill
          join unnest(v_ticks) as nominal (at) on nominal.at >= backfill.from_at and nominal.at < backfill.to_at
         where backfill.workspace_id = p_job.workspace_id
           and backfill.first_version_id = p_job.first_version_id
    ), finished as materialized (
        select ended.execution_id
          from kronos.finished_among(array(select execution_id from possible)) as ended
         where ended.status in ('SUCCESS', 'FAILED')
    )
    select array_agg(run.at) into v_run
      from (select live.scheduled_at
              from kronos.execution_live as live
             where live.job_id = any (v_versions)
               and live.scheduled_at between v_ticks[1] and v_ticks[cardinality(v_ticks)]
               and live.cause in ('SCHEDULE', 'CATCH_UP', 'BACKFILL')
             union all
            select possible.at
              from possible
             where possible.execution_id = any (array(select execution_id from finished))) as run (at);
    return query
        select nominal.at, nominal.at = any (v_run) is true or coalesce(nominal.at >= v_pointer, false)
          from unnest(v_ticks) as nominal (at)
         order by nominal.at;
end
$$;
