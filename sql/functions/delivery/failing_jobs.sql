-- failing_jobs: a workspace's jobs whose runs have failed since p_since and have not succeeded since then,
-- most failures first, among the newest p_most dead letters. One-shots are grouped by endpoint, because each
-- is a separate job. Runs as the caller: row level security applies.
-- Returns: job_id: the version that failed last; null: one-shots.
create or replace function kronos.failing_jobs(p_workspace_id uuid, p_since timestamptz, p_most integer,
                                               p_limit integer)
returns table (job_id uuid, job_name text, endpoint text, failures bigint, first_failed_at timestamptz,
               last_failed_at timestamptz, execution_id uuid, error_type text, message text)
language plpgsql stable rows 10 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_first_id constant uuid := kronos.uuid7_floor(p_since - interval '1 hour');
    v_end_id   constant uuid := kronos.uuid7_floor(kronos.now() + interval '1 hour');
begin
    return query
    with letter as materialized (
        select newest.*, job.trigger = 'CRON' as is_cron
          from (select each.*
                  from kronos.dead_letters as each
                 where each.workspace_id = p_workspace_id and each.failed_at > p_since
                 order by each.failed_at desc, each.execution_id desc
                 limit p_most) as newest
          left join kronos.jobs as job on job.job_id = newest.job_id
    ), failing as materialized (
        select coalesce(letter.is_cron, false) as is_cron, count(*) as failures,
               min(letter.failed_at) as first_at, max(letter.failed_at) as last_at,
               max(letter.failed_at) - interval '1 hour' as made_from,
               (array_agg(letter.execution_id order by letter.failed_at desc))[1] as last_id
          from letter
         group by 1, case when letter.is_cron then letter.first_version_id else letter.endpoint_id end
         order by failures desc, last_at desc
         limit 200
    )
    select case when failing.is_cron then last.job_id end, case when failing.is_cron then job.name end,
           endpoint.name, failing.failures, failing.first_at, failing.last_at, last.execution_id,
           last.error_type, last.message
      from failing
      join letter as last on last.execution_id = failing.last_id
      join kronos.endpoints as endpoint on endpoint.endpoint_id = last.endpoint_id
      left join kronos.jobs as job on job.job_id = last.job_id
     where not failing.is_cron
        or not exists (select
                         from kronos.execution_done as done
                        where done.job_id = last.job_id
                          and done.status = 'SUCCESS'
                          and done.created_at > failing.made_from
                          and done.completed_at > failing.last_at
                          and done.execution_id >= v_first_id and done.execution_id < v_end_id)
     order by failing.failures desc, failing.last_at desc
     limit p_limit;
end
$$;
