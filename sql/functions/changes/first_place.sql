-- first_place: where a new version of a CRON job begins: the ticks that it answers for are those later than
-- ticks_from, the instant up to which settle_ticks accounted for the version before; and its pointer
-- (place_of). A tick of the version before that a calendar holds back for a later day (p_held_at) is the new
-- one's, if its schedule has it too; one that was run before its time stays the old one's.
-- Raises: KR002, KR003, as first_tick.
create or replace function kronos.first_place(
    p_job_id uuid, p_held_at timestamptz, p_schedule kronos.schedule, p_starts_at timestamptz,
    p_ends_at timestamptz, p_calendars text[], p_on_blackout text,
    out ticks_from timestamptz, out due_at timestamptz, out tick_at timestamptz
)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_job  kronos.jobs;
    v_held constant timestamptz := p_held_at - interval '1 microsecond';
begin
    select * into strict v_job from kronos.jobs where job_id = p_job_id;
    ticks_from := kronos.settled_at();
    if v_held < ticks_from
    and kronos.next_tick(p_schedule, v_held) = p_held_at
    and coalesce(p_starts_at, p_held_at) <= p_held_at and coalesce(p_ends_at, 'infinity') > p_held_at then
        select place.due_at, place.tick_at into due_at, tick_at
          from kronos.place_of(v_job.workspace_id, p_calendars, p_on_blackout, p_schedule, p_starts_at,
                               p_ends_at, p_held_at) as place;
        if due_at > ticks_from then
            ticks_from := v_held;
            return;
        end if;
    end if;
    if v_job.calendars <> '{}' and v_job.on_blackout = 'PREVIOUS' then
        ticks_from := greatest(ticks_from, kronos.settled_tick(v_job, '-infinity'));
    end if;
    select place.due_at, place.tick_at into due_at, tick_at
      from kronos.place_of(v_job.workspace_id, p_calendars, p_on_blackout, p_schedule, p_starts_at, p_ends_at,
                           kronos.first_tick(p_schedule,
                                             greatest(p_starts_at, ticks_from + interval '1 microsecond'),
                                             p_ends_at)) as place;
end
$$;
