-- runs_at: the executions of the given ticks of a job's schedule; p_ticks is in order. It finds unfinished
-- executions, of any version, and those that ended as SUCCESS, FAILED, CANCELLED or SKIPPED.
-- Finished executions are found by the ids that a run of the tick can have: that of the schedule, in the
-- version that was responsible for the tick, and that of each backfill whose window contains it. So it reads
-- only the partitions of those ids.
-- Runs as the caller: row level security applies.
-- Returns: rows in no order, status LIVE for unfinished executions. A tick may have several rows, or none.
create or replace function kronos.runs_at(p_job kronos.jobs, p_ticks timestamptz[])
returns table (at timestamptz, status text, execution_id uuid)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
    v_versions constant uuid[] := array(select version.job_id from kronos.jobs as version
                                         where version.first_version_id = p_job.first_version_id);
begin
    return query
        with possible as materialized (
            select nominal.at, kronos.tick_id(version.job_id, nominal.at) as execution_id
              from kronos.jobs as version
              join unnest(p_ticks) as nominal (at)
                on nominal.at > version.ticks_from
               and (version.ticks_until is null or nominal.at <= version.ticks_until)
             where version.first_version_id = p_job.first_version_id
             union all
            select nominal.at,
                   kronos.backfill_execution_id(backfill.backfill_id, kronos.finite(backfill.created_at),
                                                nominal.at)
              from kronos.backfills as backfill
              join unnest(p_ticks) as nominal (at)
                on nominal.at >= backfill.from_at and nominal.at < backfill.to_at
             where backfill.workspace_id = p_job.workspace_id
               and backfill.first_version_id = p_job.first_version_id
        ), finished as materialized (
            select ended.execution_id, ended.status
              from kronos.finished_among(array(select possible.execution_id from possible)) as ended
             where ended.status in ('SUCCESS', 'FAILED', 'CANCELLED', 'SKIPPED')
        )
        select live.scheduled_at, 'LIVE', live.execution_id
          from kronos.execution_live as live
         where live.job_id = any (v_versions) and live.job_id <> live.execution_id
           and live.scheduled_at between p_ticks[1] and p_ticks[cardinality(p_ticks)]
           and live.cause in ('SCHEDULE', 'CATCH_UP', 'BACKFILL')
         union all
        -- a join by grouping, because this function plans nested loops only
        select min(known.at), min(known.status), known.execution_id
          from (select possible.at, null as status, possible.execution_id from possible
                 union all
                select null, finished.status, finished.execution_id from finished) as known
         group by known.execution_id
        having min(known.status) is not null;
end
$$;
