-- coming_load: what the live CRON jobs of a workspace (null: of all) are going to do in [p_from, p_to): how
-- many runs each minute has, an hour of alike minutes in one row. Jobs that run at the same times are one
-- row: 50,000 jobs have few schedules. The p_schedules that most jobs have are looked at. A paused job runs
-- from its resume_at on, one of a suspended workspace not at all; max_runs and skip_next are not asked.
-- Row level security confines it.
-- Returns: minutes as tick_hours, runs in each; jobs: how many of them were looked at; left_out: and how many
-- were not, as their schedules are too many, or malformed.   50,000 jobs: docs/benchmarks.md.
create or replace function kronos.coming_load(p_workspace_id uuid, p_from timestamptz, p_to timestamptz,
                                              p_schedules integer)
returns table (hour timestamptz, minutes bigint, runs bigint, jobs bigint, left_out bigint)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set jit = off
as $$
begin
    return query
    with term as materialized (
        select case when (job.schedule).every_seconds is null then job.schedule end as schedule,
               (job.schedule).every_seconds as seconds,
               -- intervals that have begun are alike where their first ticks are
               case when (job.schedule).every_seconds > 0 and isfinite((job.schedule).anchor)
                    then kronos.next_interval_tick((job.schedule).every_seconds, (job.schedule).anchor,
                                                   p_from - interval '1 microsecond') end as anchor,
               greatest(p_from, kronos.finite(job.starts_at), kronos.finite(job.resume_at)) as from_at,
               least(p_to, job.ends_at) as to_at, count(*) as jobs
          from kronos.jobs as job
          join kronos.workspaces as workspace using (workspace_id)
         where workspace.status = 'ACTIVE'
           and (p_workspace_id is null or job.workspace_id = p_workspace_id)
           and job.trigger = 'CRON'
           and job.status in ('ACTIVE', 'PAUSED')
           and (job.status = 'ACTIVE' or job.resume_at < p_to)
         group by 1, 2, 3, 4, 5
    ), ranked as materialized (
        select term.*, row_number() over (order by term.jobs desc, term.schedule, term.seconds, term.anchor)
                       as place
          from term
         where term.from_at < term.to_at
    ), sound as materialized (
        select ranked.*,
               case when ranked.place > p_schedules       then false
                    when ranked.schedule is not null then kronos.schedule_fault(ranked.schedule) is null
                    else ranked.anchor is not null end as is_read
          from ranked
    )
    select named.hour, named.minutes, sum(sound.jobs * coalesce(60 / least(sound.seconds, 60), 1))::bigint,
           null::bigint, null::bigint
      from sound
     cross join lateral (select each.hour, each.minutes
                           from kronos.tick_hours(sound.schedule, sound.from_at, sound.to_at) as each
                          where sound.schedule is not null
                          union all
                         select each.hour, each.minutes
                           from kronos.interval_hours(sound.seconds, sound.anchor, sound.from_at,
                                                      sound.to_at) as each
                          where sound.seconds is not null) as named
     where sound.is_read
     group by named.hour, named.minutes
     union all
    select null, null, null, coalesce(sum(sound.jobs) filter (where sound.is_read), 0)::bigint,
           coalesce(sum(sound.jobs) filter (where not sound.is_read), 0)::bigint
      from sound;
end
$$;
