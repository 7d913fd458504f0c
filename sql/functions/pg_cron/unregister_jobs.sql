-- unregister_jobs: removes the entries of many jobs together: their own are found by name and removed by id,
-- and the alarms of those that share one are noted. A job without an entry is not an error. The caller knows
-- that they must have no entry, and holds their rows locked.
-- Returns: how many jobs had one.
-- Raises: pg_cron's errors, unchanged.
create or replace function kronos.unregister_jobs(p_job_ids uuid[]) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_own    bigint[];
    v_had    integer;
    v_shared text[];
    v_alarms text[];
begin
    select array_agg(shared.jobname), array_agg(distinct shared.alarm) into v_shared, v_alarms
      from kronos.shared_names(p_job_ids) as shared;
    -- The names are computed separately: with row level security on cron.job, a condition that calls a
    -- function cannot use an index.
    with job as materialized (
        select 'kronos:' || each.job_id as jobname from unnest(p_job_ids) as each (job_id)
    )
    select coalesce(array_agg(entry.jobid), '{}') into v_own
      from job
      join cron.job as entry on entry.jobname = job.jobname and entry.username = current_user;
    perform cron.unschedule(jobid) from unnest(v_own) as jobid;
    if v_shared is null then
        return cardinality(v_own);
    end if;
    perform kronos.note_alarm('~', alarm) from unnest(v_alarms) as alarm;
    with alike as materialized (
        select name, count(*) as jobs from unnest(v_shared) as name group by name
    )
    select coalesce(sum(alike.jobs), 0) into v_had
      from alike
      join cron.job as entry on entry.jobname = alike.name and entry.username = current_user;
    return greatest(v_had, cardinality(v_own));
end
$$;
