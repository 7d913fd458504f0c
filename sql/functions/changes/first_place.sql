-- first_place: where a new version of a CRON job begins: it is responsible for ticks later than ticks_from
-- (next_ticks_from); and its pointer (place_of).
-- Raises: KR002, KR003, as first_tick.
create or replace function kronos.first_place(
    p_job_id uuid, p_held_at timestamptz, p_schedule kronos.schedule, p_starts_at timestamptz,
    p_ends_at timestamptz, p_calendars text[], p_on_blackout text,
    out ticks_from timestamptz, out due_at timestamptz, out tick_at timestamptz
)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_job kronos.jobs;
begin
    select * into strict v_job from kronos.jobs where job_id = p_job_id;
    ticks_from := kronos.next_ticks_from(v_job, kronos.settled_at(), p_held_at, p_schedule, p_starts_at,
                                         p_ends_at, p_calendars, p_on_blackout);
    select place.due_at, place.tick_at into due_at, tick_at
      from kronos.place_of(v_job.workspace_id, p_calendars, p_on_blackout, p_schedule, p_starts_at, p_ends_at,
                           case when ticks_from < p_held_at and p_held_at <= kronos.settled_at()
                                then p_held_at      -- on a day that has passed: first_tick finds none there
                                else kronos.first_tick(p_schedule,
                                                       greatest(p_starts_at,
                                                                ticks_from + interval '1 microsecond'),
                                                       p_ends_at) end) as place;
end
$$;
