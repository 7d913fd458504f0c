-- coming_jobs: the live CRON jobs of a workspace that run in a given future minute, by name, from the
-- p_schedules with the most jobs. Each distinct schedule is evaluated once, and only jobs that run then are
-- read. Away from clock changes, schedules that do not name the minute are skipped. Jobs whose ticks
-- calendars move come from rolled_jobs_at. Row level security applies.
-- Returns: the first p_limit jobs, each with the total number.
create or replace function kronos.coming_jobs(p_workspace_id uuid, p_at timestamptz, p_schedules integer,
                                              p_limit integer)
returns table (job_id uuid, name text, version integer, endpoint text, cron text, every text, timezone text,
               description text, number bigint)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_sort = off set jit = off
as $$
declare
    c_moment constant interval    := interval '1 microsecond';
    v_until  constant timestamptz := p_at + interval '1 minute';
begin
    return query
    with term as materialized (
        select each.*
          from kronos.asked_terms(p_workspace_id, p_at, v_until, p_schedules) as each
         where each.is_asked and each.on_blackout = 'SKIP'
    ), zone as materialized (
        select used.name, day.is_calm, p_at at time zone used.name as local
          from (select distinct (term.schedule).timezone as name
                  from term where (term.schedule).minutes is not null) as used
         cross join lateral kronos.days_of(used.name, p_at, p_at) as day
    ), named as materialized (
        select term.*
          from term
          left join zone on zone.name = (term.schedule).timezone
         where (term.schedule).minutes is null or not zone.is_calm
            or (term.schedule).minutes >> date_part('minute', zone.local)::integer & 1 = 1
               and (term.schedule).hours >> date_part('hour', zone.local)::integer & 1 = 1
    ), shut as materialized (
        select alike.*
          from (select distinct named.workspace_id, named.calendars
                  from named where named.calendars <> '{}') as alike
         cross join lateral kronos.closed_by(alike.workspace_id, alike.calendars, p_at) as closure
         where closure.calendar is not null
    ), due as materialized (
        select named.*
          from named
         where case when named.seconds is not null      -- first_tick is in the minute, perhaps before from_at
                    then kronos.next_interval_tick(named.seconds, named.first_tick, named.from_at - c_moment)
                    else kronos.next_tick(named.schedule, named.from_at - c_moment) end < named.to_at
           and (named.workspace_id, named.calendars) not in (select shut.workspace_id, shut.calendars
                                                               from shut)
    ), found as (
        select job.*
          from due
         cross join lateral kronos.jobs_written(due.workspace_id, due.cron, due.every, due.timezone,
                                                due.anchor, due.anchor_local, due.dst_gap, due.dst_overlap)
                                as job
         where (job.status = 'ACTIVE' or job.resume_at < v_until)
           and job.calendars = due.calendars and (job.calendars = '{}' or job.on_blackout = 'SKIP')
           and greatest(p_at, kronos.finite(job.starts_at), kronos.finite(job.resume_at)) = due.from_at
           and least(v_until, job.ends_at) = due.to_at
         union all
        select * from kronos.rolled_jobs_at(p_workspace_id, p_at, p_schedules)
    ), page as (
        select found.*, count(*) over () as number
          from found
         order by found.name, found.job_id
         limit p_limit
    )
    select page.job_id, page.name, page.version, served.name, page.cron, page.every, page.timezone,
           page.description, page.number
      from page
      join kronos.endpoints as served on served.endpoint_id = page.endpoint_id
     order by page.name, page.job_id;
end
$$;
