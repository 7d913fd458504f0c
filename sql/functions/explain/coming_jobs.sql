-- coming_jobs: the live CRON jobs of a workspace that run in a minute to come, by name; of the p_schedules
-- that most jobs have. What is written alike is asked once whether it runs then, and only jobs that do are
-- read. Those with calendars are closed_jobs_at's. Row level security confines it.
-- Returns: the first p_limit, each with how many there are in all.
create or replace function kronos.coming_jobs(p_workspace_id uuid, p_at timestamptz, p_schedules integer,
                                              p_limit integer)
returns table (job_id uuid, name text, version integer, endpoint text, cron text, every text, timezone text,
               description text, number bigint)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    c_moment constant interval    := interval '1 microsecond';
    v_until  constant timestamptz := p_at + interval '1 minute';
begin
    return query
    with due as materialized (
        select term.schedule, term.seconds, term.anchor, term.from_at, term.to_at
          from kronos.coming_terms(p_workspace_id, p_at, v_until) as term
         where term.is_read and term.place <= p_schedules and term.calendars = '{}'
           and case when term.seconds is not null      -- anchor is the minute's first, perhaps before from_at
                    then kronos.next_interval_tick(term.seconds, term.anchor, term.from_at - c_moment)
                    else kronos.next_tick(term.schedule, term.from_at - c_moment) end < term.to_at
    ), alike as materialized (
        select each.*
          from kronos.alike_terms(p_workspace_id, p_at, v_until) as each
         where each.calendars = '{}'
    ), written as (
        select alike.*
          from alike
          join due using (schedule, from_at, to_at)
         where alike.seconds is null
         union all
        select alike.*
          from alike
          join due on due.seconds = alike.seconds and due.from_at = alike.from_at
                  and due.to_at = alike.to_at
                  and due.anchor = kronos.next_interval_tick(alike.seconds, alike.anchor, p_at - c_moment)
         where isfinite(alike.anchor)
    ), named as (
        select job.job_id, job.name, job.version, job.endpoint_id, written.cron, written.every,
               written.timezone, job.description
          from written
         cross join lateral kronos.jobs_alike(written.workspace_id, written.cron, written.every,
                                              written.timezone, written.anchor, written.anchor_local,
                                              written.dst_gap, written.dst_overlap) as job
         where (job.status = 'ACTIVE' or job.resume_at < v_until) and job.calendars = '{}'
           and greatest(p_at, kronos.finite(job.starts_at), kronos.finite(job.resume_at)) = written.from_at
           and least(v_until, job.ends_at) = written.to_at
         union all
        select job.job_id, job.name, job.version, job.endpoint_id, job.cron, job.every, job.timezone,
               job.description
          from kronos.closed_jobs_at(p_workspace_id, p_at, p_schedules) as job
    ), page as (
        select named.*, count(*) over () as number
          from named
         order by named.name, named.job_id
         limit p_limit
    )
    select page.job_id, page.name, page.version, served.name, page.cron, page.every, page.timezone,
           page.description, page.number
      from page
      join kronos.endpoints as served on served.endpoint_id = page.endpoint_id
     order by page.name, page.job_id;
end
$$;
