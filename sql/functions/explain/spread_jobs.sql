-- spread_jobs: the live CRON jobs of a workspace whose owners let their runs be moved, and when they run in
-- [p_from, p_to), as their calendars have it, an hour in one number (run_hours). What runs alike is asked
-- once. A job of each minute is not among them, nor one that may be moved by less than a minute: it has no
-- minute to go to. Row level security confines it.
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
               job.offset_seconds, job.workspace_id, job.calendars, job.on_blackout,
               kronos.finite(job.starts_at) as starts_at, kronos.finite(job.ends_at) as ends_at,
               case when job.on_blackout <> 'SKIP'
                    then array[case when job.status = 'ACTIVE' then job.ticks_from else '-infinity' end]
                    end as waits_from,
               greatest(p_from, kronos.finite(job.resume_at)) as from_at, count(*) over () as number
          from kronos.jobs as job
          join kronos.workspaces as workspace using (workspace_id)
         where job.workspace_id = kronos.current_workspace_id()
           and workspace.status = 'ACTIVE'
           and job.spread is not null
           and least(kronos.spread_seconds(job.spread), job.deadline_seconds - 1) >= 60
           and (job.status = 'ACTIVE' or job.status = 'PAUSED' and job.resume_at < p_to)
           and kronos.schedule_fault(job.schedule) is null
           and ((job.schedule).every_seconds is null or (job.schedule).every_seconds > 60)
           and coalesce((job.schedule).minutes, 0) <> (1::bigint << 60) - 1
         order by job.job_id
         limit p_limit
    ), alike as materialized (
        select term.*, array_agg(named.hour) as hours, array_agg(named.minutes) as minutes
          from (select distinct allowed.workspace_id, allowed.calendars, allowed.on_blackout,
                                allowed.schedule, allowed.starts_at, allowed.ends_at, allowed.waits_from,
                                allowed.from_at
                  from allowed) as term
         cross join lateral kronos.run_hours(term.workspace_id, term.calendars, term.on_blackout,
                                             term.schedule, term.starts_at, term.ends_at, term.waits_from,
                                             term.from_at, p_to) as named
         where named.minutes <> 0
         group by 1, 2, 3, 4, 5, 6, 7, 8
    )
    select allowed.job_id, allowed.name, allowed.version, served.name, allowed.cron, allowed.every,
           allowed.timezone, allowed.seconds, allowed.offset_seconds, alike.hours, alike.minutes,
           allowed.number
      from allowed
      join alike on alike.schedule = allowed.schedule and alike.from_at = allowed.from_at
       and alike.calendars = allowed.calendars and alike.on_blackout = allowed.on_blackout
       and (alike.starts_at, alike.ends_at, alike.waits_from)
           is not distinct from (allowed.starts_at, allowed.ends_at, allowed.waits_from)
      join kronos.endpoints as served on served.endpoint_id = allowed.endpoint_id
     order by allowed.job_id;
end
$$;
