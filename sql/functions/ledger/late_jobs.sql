-- late_jobs: those of the given jobs whose workspace has rows that were created more than an hour away from
-- the time in their id, on the days around p_since, before p_from (kronos.late_days). Row level security
-- applies.
create or replace function kronos.late_jobs(p_job_ids uuid[], p_from timestamptz, p_since timestamptz)
returns uuid[]
language plpgsql stable set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
begin
    return array(select job.job_id
                   from kronos.jobs as job
                  where job.job_id = any (p_job_ids)
                    and exists (select
                                  from kronos.late_days as late
                                 where late.workspace_id = job.workspace_id
                                   and late.id_day >= (p_since at time zone 'UTC')::date
                                   and late.created_day <= (p_from at time zone 'UTC')::date));
end
$$;
