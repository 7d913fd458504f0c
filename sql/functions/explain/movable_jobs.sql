-- movable_jobs: the live CRON jobs of a workspace whose owners allow their runs to be moved, and when they
-- run in [p_from, p_to) under their calendars, one number per hour (runs_by_hour). Jobs that run alike are
-- evaluated once and listed once. Excludes jobs that run every minute, and jobs that may move by less than a
-- minute, since neither can go to another minute. Row level security applies.
-- Returns: at most p_limit, by id; number: the total. Jobs of one term run alike: the first of them has the
-- hours, in minutes from p_from on, and each hour's minutes as bits 0 to 59.
create or replace function kronos.movable_jobs(p_from timestamptz, p_to timestamptz, p_limit integer)
returns table (job_id uuid, name text, version integer, endpoint text, cron text, every text, timezone text,
               spread_seconds integer, offset_seconds integer, term bigint, hours integer[],
               minutes bigint[], number bigint)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
begin
    return query
    with spreading as materialized (
        select job.job_id, job.name, job.version, job.endpoint_id, job.cron, job.every, job.timezone,
               job.schedule, least(kronos.spread_seconds(job.spread), job.deadline_seconds - 1) as seconds,
               job.offset_seconds, job.workspace_id, job.calendars, job.on_blackout,
               kronos.finite(job.starts_at) as starts_at, kronos.finite(job.ends_at) as ends_at,
               case when job.on_blackout <> 'SKIP'
                    then array[case when job.status = 'ACTIVE' then job.ticks_from else '-infinity' end]
                    end as waits_from,
               greatest(p_from, kronos.finite(job.resume_at)) as from_at
          from kronos.jobs as job join kronos.workspaces as workspace using (workspace_id)
         where job.workspace_id = kronos.current_workspace_id() and workspace.status = 'ACTIVE'
           and job.spread is not null
           and (job.status = 'ACTIVE' or job.status = 'PAUSED' and job.resume_at < p_to)
           and ((job.schedule).every_seconds is null or (job.schedule).every_seconds > 60)
           and coalesce((job.schedule).minutes, 0) <> (1::bigint << 60) - 1
    ), sound as materialized (
        select alike.schedule from (select distinct spreading.schedule from spreading offset 0) as alike
         where kronos.schedule_fault(alike.schedule) is null
    ), allowed as materialized (
        select spreading.*, count(*) over () as number from spreading
         where spreading.seconds >= 60 and spreading.schedule in (select sound.schedule from sound)
         order by spreading.job_id limit p_limit
    ), named as materialized (
        select allowed.*,
               dense_rank() over (order by calendars, on_blackout, schedule, starts_at, ends_at, waits_from,
                                           from_at) as term from allowed
    ), closed as materialized (
        select each.calendars, each.times from kronos.open_times_of((
               select jsonb_agg(jsonb_build_object('workspace_id', named.workspace_id, 'calendars',
                                                   named.calendars)) from named), p_from, p_to) as each
    ), told as materialized (
        select alike.term, array_agg(extract(epoch from each.hour - p_from)::integer / 60) as hours,
               array_agg(each.minutes) as minutes
          from (select distinct on (named.term) named.* from named) as alike
          left join closed using (calendars)
         cross join lateral (
               select open.hour, open.minutes
                 from kronos.schedule_hours(alike.schedule, greatest(alike.from_at, alike.starts_at),
                                            least(p_to, alike.ends_at)) as open where alike.calendars = '{}'
                union all
               select run.hour, run.minutes
                 from kronos.runs_by_hour(alike.workspace_id, alike.calendars, alike.on_blackout,
                                          alike.schedule, alike.starts_at, alike.ends_at, alike.waits_from,
                                          closed.times, alike.from_at, p_to) as run
                where alike.calendars <> '{}') as each
         where each.minutes <> 0
         group by alike.term
    )
    select named.job_id, named.name, named.version,
           (select served.name from kronos.endpoints as served where served.endpoint_id = named.endpoint_id),
           named.cron, named.every, named.timezone, named.seconds, named.offset_seconds, told.term,
           case when row_number() over first = 1 then told.hours end,
           case when row_number() over first = 1 then told.minutes end, named.number
      from named
      join told using (term)
    window first as (partition by told.term order by named.job_id)
     order by named.job_id;
end
$$;
