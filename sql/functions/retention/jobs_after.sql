-- jobs_after: the p_limit one-shots and versions that ended next after a place, as long as they ended before
-- the shortest age in use; as backfills_after, for jobs. is_old: older than their workspace's success_days.
-- success_since, failure_since: since when executions of their workspace are kept, by outcome.
create or replace function kronos.jobs_after(p_at timestamptz, p_id uuid, p_limit integer)
returns table (job_id uuid, retired_at timestamptz, trigger text, created_at timestamptz,
               first_version_id uuid, replaced_by_id uuid, idempotency_key text, is_old boolean,
               success_since timestamptz, failure_since timestamptz)
language plpgsql stable set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
begin
    return query
        select ended.job_id, ended.retired_at, ended.trigger, ended.created_at, ended.first_version_id,
               ended.replaced_by_id, ended.idempotency_key, ended.retired_at < since.success, since.success,
               since.failure
          from (select job.*
                  from kronos.jobs as job
                 where job.status in ('RETIRED', 'COMPLETED')
                   and (job.retired_at, job.job_id) > (p_at, p_id)
                   and job.retired_at
                       < kronos.now() - make_interval(days => (select min(age.days)
                                                                 from kronos.retention_ages() as age))
                 order by job.retired_at, job.job_id
                 limit p_limit) as ended
         cross join kronos.retention as instance
          left join kronos.workspace_retention as own on own.workspace_id = ended.workspace_id
         cross join lateral (select kronos.now() - make_interval(days => coalesce(own.success_days,
                                                                                  instance.success_days)),
                                    kronos.now() - make_interval(days => coalesce(own.failure_days,
                                                                                  instance.failure_days)))
                            as since (success, failure);
end
$$;
