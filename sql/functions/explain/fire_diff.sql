-- fire_diff: the runs that a CRON job would gain, lose or have at other times up to p_until with the given
-- schedule, window and max_runs. Uses the one interpreter of schedules, so clock changes are included.
-- p_calendars and p_on_blackout: null means the job's own.
-- A run moves if the same day, in the new schedule's zone, loses one run and gains one: the first lost of the
-- day is paired with the first gained, and so on. For a paused job the runs after its resumption count; if no
-- resumption is set, the runs that it would have now. Each list shows the first p_shown. A week of every
-- minute has 10,080 ticks, and 60 more when clocks are set back: at most 10,200 are read for each schedule.
-- Returns: before, after, added, removed, moved, which are counts; first_added and first_removed, instants;
-- first_moved, pairs {from, to}.
-- Raises: 22xxx if the job's own schedule is malformed.
create or replace function kronos.fire_diff(p_job kronos.jobs, p_schedule kronos.schedule,
                                            p_starts_at timestamptz, p_ends_at timestamptz,
                                            p_max_runs integer, p_until timestamptz, p_shown integer,
                                            p_calendars text[] default null,
                                            p_on_blackout text default null)
returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
    c_most   constant integer     := 10200;
    v_from   constant timestamptz := greatest(kronos.now(), kronos.finite(p_job.resume_at));
    v_passed constant integer     := p_job.skip_next;
    v_at     constant kronos.pointers := (select pointer from kronos.pointer_of(p_job.job_id) as pointer);
    v_runs   constant integer     := coalesce(v_at.runs, 0);
    v_old    timestamptz[];
    v_new    timestamptz[];
begin
    v_old := array(select run from kronos.runs_within(
                       p_job.workspace_id, p_job.calendars, p_job.on_blackout, p_job.schedule,
                       p_job.starts_at, kronos.finite(p_job.ends_at),
                       greatest(v_from, kronos.finite(p_job.starts_at)), p_until,
                       v_passed + least(c_most, p_job.max_runs::bigint - v_runs)::integer,
                       coalesce(v_at.tick_at, v_at.next_tick_at)) as run);
    v_new := array(select run from kronos.runs_within(
                       p_job.workspace_id, coalesce(p_calendars, p_job.calendars),
                       coalesce(p_on_blackout, p_job.on_blackout), p_schedule, p_starts_at,
                       kronos.finite(p_ends_at),
                       greatest(v_from, kronos.finite(p_starts_at)), p_until,
                       v_passed + least(c_most, p_max_runs::bigint - v_runs)::integer,
                       kronos.first_changed(p_job, kronos.now(), p_schedule, p_starts_at, p_ends_at,
                                            coalesce(p_calendars, p_job.calendars),
                                            coalesce(p_on_blackout, p_job.on_blackout))) as run);
    v_old := v_old[v_passed + 1:];
    v_new := v_new[v_passed + 1:];
    return (
        with differs as (
            select old.at as old_at, new.at as new_at,
                   (coalesce(old.at, new.at) at time zone p_schedule.timezone)::date as day
              from unnest(v_old) as old (at)
              full join unnest(v_new) as new (at) on new.at = old.at
             where old.at is null or new.at is null
        ), lost as (
            select old_at as at, day, row_number() over (partition by day order by old_at) as nth
              from differs where new_at is null
        ), gained as (
            select new_at as at, day, row_number() over (partition by day order by new_at) as nth
              from differs where old_at is null
        ), paired as (
            select lost.at as old_at, gained.at as new_at,
                   row_number() over (partition by lost.at is null, gained.at is null
                                          order by coalesce(lost.at, gained.at)) as nth
              from lost full join gained using (day, nth)
        )
        select jsonb_build_object(
                   'before', cardinality(v_old), 'after', cardinality(v_new),
                   'added', count(*) filter (where old_at is null),
                   'removed', count(*) filter (where new_at is null),
                   'moved', count(*) filter (where old_at is not null and new_at is not null),
                   'first_added', coalesce(jsonb_agg(new_at order by nth)
                                           filter (where old_at is null and nth <= p_shown), '[]'),
                   'first_removed', coalesce(jsonb_agg(old_at order by nth)
                                             filter (where new_at is null and nth <= p_shown), '[]'),
                   'first_moved', coalesce(jsonb_agg(jsonb_build_object('from', old_at, 'to', new_at)
                                                     order by nth)
                                           filter (where old_at is not null and new_at is not null
                                                     and nth <= p_shown), '[]'))
          from paired);
end
$$;
