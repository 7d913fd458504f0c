-- recent_runs: the last p_limit executions of each of some CRON jobs, for all of them at once: of the version
-- given and the two before it, ticks, runs by hand and backfills alike. What has ended is read from the
-- partitions of five weeks, a status at a time in its index's order; of a job that has fewer there the weeks
-- before show the first two of each status, which kronos.history_weeks has noted: all that a job of few ticks
-- has had. So it costs as much as there are jobs, at most 50 of them, whatever the history.
-- Returns: nth 1 is a job's newest; in no order.   As the caller: row level security holds.
create or replace function kronos.recent_runs(p_job_ids uuid[], p_limit integer)
returns table (job_id uuid, execution_id uuid, status text, cause text, scheduled_at timestamptz,
               ticks integer, duration_ms bigint, nth bigint)
language plpgsql stable rows 1000 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    v_from     constant uuid   := kronos.uuid7_floor(kronos.now() - interval '35 days');
    v_week     constant date   := ((kronos.now() - interval '35 days') at time zone 'UTC')::date;
    v_statuses constant text[] := array['SUCCESS', 'FAILED', 'CANCELLED', 'SKIPPED', 'MISSED', 'EXPIRED'];
begin
    return query
        with version as materialized (
            select job.job_id as asked_id, older.job_id as id
              from kronos.jobs as job
             cross join lateral (select each.job_id from kronos.jobs as each
                                  where each.first_version_id = job.first_version_id
                                    and each.version <= job.version
                                  order by each.version desc limit 3) as older
             where job.job_id = any (p_job_ids) and job.trigger = 'CRON'
        ), ended as materialized (
            select version.asked_id, done.*
              from version
             cross join unnest(v_statuses) as wanted (status)
             cross join lateral (select each.* from kronos.execution_done as each
                                  where each.job_id = version.id and each.status = wanted.status
                                    and each.execution_id >= v_from
                                  order by each.created_at desc limit p_limit) as done
        ), noted as (
            select known.execution_id as id
              from version
             cross join unnest(v_statuses) as wanted (status)
             cross join lateral (select each.execution_id from kronos.history_weeks as each
                                  where each.subject_id = version.id and each.status = wanted.status
                                    and each.week <= v_week and each.execution_id < v_from
                                  order by each.week desc limit p_limit) as known
             where p_limit > (select count(*) from ended where ended.asked_id = version.asked_id)
        ), run as (
            select ended.asked_id, ended.execution_id, ended.status, ended.cause, ended.scheduled_at,
                   ended.tick_count, kronos.duration_ms(ended.started_at, ended.completed_at) as took,
                   ended.created_at
              from ended
             union all
            select version.asked_id, done.execution_id, done.status, done.cause, done.scheduled_at,
                   done.tick_count, kronos.duration_ms(done.started_at, done.completed_at), done.created_at
              from kronos.done_among(array(select noted.id from noted)) as done
              join version on version.id = done.job_id
             union all
            select version.asked_id, active.execution_id, active.status, active.cause, active.scheduled_at, 1,
                   null, active.created_at
              from version
             cross join lateral (select each.* from kronos.active_executions as each
                                  where each.job_id = version.id
                                  order by each.scheduled_at desc limit p_limit) as active
        )
        select newest.*
          from (select run.asked_id, run.execution_id, run.status, run.cause, run.scheduled_at,
                       run.tick_count, run.took,
                       row_number() over (partition by run.asked_id
                                              order by run.created_at desc, run.execution_id desc) as at
                  from run) as newest
         where newest.at <= p_limit;
end
$$;
