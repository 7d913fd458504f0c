-- coming_jobs: the live CRON jobs of a workspace that run in a minute to come, by name; of the p_schedules
-- that most jobs have. Row level security confines it.
-- Returns: the first p_limit, each with how many there are in all.
create or replace function kronos.coming_jobs(p_workspace_id uuid, p_at timestamptz, p_schedules integer,
                                              p_limit integer)
returns table (job_id uuid, name text, version integer, endpoint text, cron text, every text, timezone text,
               description text, number bigint)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set jit = off
as $$
begin
    return query
    with due as materialized (
        select term.schedule, term.seconds, term.anchor
          from kronos.coming_terms(p_workspace_id, p_at, p_at + interval '1 minute') as term
         where term.is_read and term.place <= p_schedules
           and case when term.seconds is not null then term.anchor
                    else kronos.next_tick(term.schedule, term.from_at - interval '1 microsecond') end
               < term.to_at
    ), named as (
        select job.job_id, job.name, job.version, job.endpoint_id, job.cron, job.every, job.timezone,
               job.description, count(*) over () as number
          from kronos.jobs as job
         where job.workspace_id = p_workspace_id and job.trigger = 'CRON'
           and job.status in ('ACTIVE', 'PAUSED')
           and (job.status = 'ACTIVE' or job.resume_at < p_at + interval '1 minute')
           and (job.starts_at is null or job.starts_at < p_at + interval '1 minute')
           and (job.ends_at is null or job.ends_at > p_at)
           and case when (job.schedule).every_seconds is null
                    then job.schedule in (select due.schedule from due where due.seconds is null)
                    else ((job.schedule).every_seconds,
                          kronos.next_interval_tick((job.schedule).every_seconds, (job.schedule).anchor,
                                                    p_at - interval '1 microsecond'))
                         in (select due.seconds, due.anchor from due where due.seconds is not null) end
         order by job.name, job.job_id
         limit p_limit
    )
    select named.job_id, named.name, named.version, served.name, named.cron, named.every, named.timezone,
           named.description, named.number
      from named
      join kronos.endpoints as served on served.endpoint_id = named.endpoint_id
     order by named.name, named.job_id;
end
$$;
