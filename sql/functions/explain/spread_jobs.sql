-- spread_jobs: the live CRON jobs of a workspace whose owners let their runs be moved, and when they tick in
-- [p_from, p_to), an hour in one number (tick_hours). What ticks alike is asked once. A job of each minute is
-- not among them: it has no minute to go to. Row level security confines it.
-- Returns: at most p_limit, by id; number: how many there are in all.
create or replace function kronos.spread_jobs(p_from timestamptz, p_to timestamptz, p_limit integer)
returns table (job_id uuid, name text, version integer, endpoint text, cron text, every text, timezone text,
               spread_seconds integer, offset_seconds integer, hours timestamptz[], minutes bigint[],
               number bigint)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set jit = off
as $$
begin
    return query
    with allowed as materialized (
        select job.job_id, job.name, job.version, job.endpoint_id, job.cron, job.every, job.timezone,
               job.schedule, least(kronos.spread_seconds(job.spread), job.deadline_seconds - 1) as seconds,
               job.offset_seconds, greatest(p_from, kronos.finite(job.starts_at),
                                            kronos.finite(job.resume_at)) as from_at,
               least(p_to, job.ends_at) as to_at, count(*) over () as number
          from kronos.jobs as job
          join kronos.workspaces as workspace using (workspace_id)
         where job.workspace_id = kronos.current_workspace_id()
           and workspace.status = 'ACTIVE'
           and job.spread is not null
           and (job.status = 'ACTIVE' or job.status = 'PAUSED' and job.resume_at < p_to)
           and kronos.schedule_fault(job.schedule) is null
           and ((job.schedule).every_seconds is null or (job.schedule).every_seconds > 60)
           and coalesce((job.schedule).minutes, 0) <> (1::bigint << 60) - 1
         order by job.job_id
         limit p_limit
    ), alike as materialized (
        select term.schedule, term.from_at, term.to_at, array_agg(named.hour) as hours,
               array_agg(named.minutes) as minutes
          from (select distinct allowed.schedule, allowed.from_at, allowed.to_at from allowed) as term
         cross join lateral (
               select each.hour, each.minutes
                 from kronos.tick_hours(term.schedule, term.from_at, term.to_at) as each
                where (term.schedule).every_seconds is null
                union all
               select each.hour, each.minutes
                 from kronos.interval_hours((term.schedule).every_seconds, (term.schedule).anchor,
                                            term.from_at, term.to_at) as each
                where (term.schedule).every_seconds is not null) as named
         where named.minutes <> 0
         group by term.schedule, term.from_at, term.to_at
    )
    select allowed.job_id, allowed.name, allowed.version, served.name, allowed.cron, allowed.every,
           allowed.timezone, allowed.seconds, allowed.offset_seconds, alike.hours, alike.minutes,
           allowed.number
      from allowed
      join alike on alike.schedule = allowed.schedule and alike.from_at = allowed.from_at
                and alike.to_at = allowed.to_at
      join kronos.endpoints as served on served.endpoint_id = allowed.endpoint_id
     order by allowed.job_id;
end
$$;
