-- retain_jobs: check the next p_limit jobs that are over, those that ended first, after (p_after,
-- p_after_id). Delete one-shots and retired versions that are older than their workspace's success_days,
-- except
-- - a job with an execution, unfinished or kept, or with a backfill;
-- - the version before a live one, so that no live row is touched, and the version that holds the idempotency
--   key of a job with a live version.
-- Returns: one row. last_at, last_id: the position after which the next call continues; null at the end. With
-- p_dry_run it only counts, as if executions that are older than their age had gone.
-- A one-shot's execution has an id from the job's creation, so the creation times of these jobs bound the
-- partitions that are searched. A version's executions are searched by has_history, over the time in which it
-- was in force.
create or replace function kronos.retain_jobs(p_after timestamptz, p_after_id uuid, p_limit integer,
                                              p_dry_run boolean, out last_at timestamptz, out last_id uuid,
                                              out jobs bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_custom_plan
as $$
declare
    v_doomed uuid[];
    v_first  uuid;      -- no execution of these one-shots has a lower id
    v_end    uuid;
    v_seen   integer;
begin
    select kronos.uuid7_floor(min(job.created_at) - interval '1 hour'),
           kronos.uuid7_floor(max(job.created_at) + interval '1 hour') into v_first, v_end
      from kronos.jobs_after(p_after, p_after_id, p_limit) as job
     where job.trigger <> 'CRON';
    with chunk as materialized (
        select job.*, case when p_dry_run then job.success_since else '-infinity' end as success_from,
               case when p_dry_run then job.failure_since else '-infinity' end as failure_from
          from kronos.jobs_after(p_after, p_after_id, p_limit) as job
    ), doomed as (
        select chunk.job_id
          from chunk
         where chunk.is_old
           and not exists (select from kronos.execution_live as live
                            where live.job_id = chunk.job_id and live.job_id <> live.execution_id)
           and not exists (select from kronos.execution_live as live where live.execution_id = chunk.job_id)
           and not exists (select from kronos.backfills as backfill where backfill.job_id = chunk.job_id)
           and not exists (select from kronos.jobs as heir
                            where heir.job_id = chunk.replaced_by_id and heir.status in ('ACTIVE', 'PAUSED'))
           and (chunk.idempotency_key is null or chunk.trigger <> 'CRON'
                or not exists (select from kronos.jobs as live
                                where live.first_version_id = chunk.first_version_id
                                  and live.status in ('ACTIVE', 'PAUSED')))
           and case when chunk.trigger = 'CRON'
                    then not kronos.has_history(chunk.job_id, chunk.created_at, chunk.retired_at,
                                                chunk.success_from, chunk.failure_from)
                    else not exists (select from kronos.execution_done as done
                                      where done.job_id = chunk.job_id
                                        and done.execution_id >= v_first and done.execution_id < v_end
                                        and done.execution_id
                                            >= kronos.uuid7_floor(chunk.created_at - interval '1 hour')
                                        and done.execution_id
                                            < kronos.uuid7_floor(chunk.created_at + interval '1 hour')
                                        and done.completed_at >= case when kronos.is_success(done.status)
                                                                      then chunk.success_from
                                                                      else chunk.failure_from end)
               end
    ), newest as (
        select chunk.retired_at, chunk.job_id
          from chunk
         order by chunk.retired_at desc, chunk.job_id desc
         limit 1
    )
    select (select newest.retired_at from newest), (select newest.job_id from newest),
           (select count(*) from chunk), array(select doomed.job_id from doomed)
      into last_at, last_id, v_seen, v_doomed;
    if v_seen < p_limit then
        last_at := null;
        last_id := null;
    end if;
    jobs := cardinality(v_doomed);
    if jobs > 0 and not p_dry_run then
        delete from kronos.jobs where job_id = any (v_doomed);
    end if;
end
$$;
