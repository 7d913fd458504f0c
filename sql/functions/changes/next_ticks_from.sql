-- next_ticks_from: the instant after which ticks belong to a CRON job's next version: p_settled_at, up to
-- which settle_ticks accounts for those of the previous version. A tick of that version that a calendar holds
-- back until a later day (p_held_at) belongs to the new version if its schedule has it too; a tick that ran
-- before its time stays with the old version.
create or replace function kronos.next_ticks_from(
    p_job kronos.jobs, p_settled_at timestamptz, p_held_at timestamptz, p_schedule kronos.schedule,
    p_starts_at timestamptz, p_ends_at timestamptz, p_calendars text[], p_on_blackout text
) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_held constant timestamptz := p_held_at - interval '1 microsecond';
begin
    if v_held < p_settled_at
    and kronos.next_tick(p_schedule, v_held) = p_held_at
    and coalesce(p_starts_at, p_held_at) <= p_held_at and coalesce(p_ends_at, 'infinity') > p_held_at
    and (select place.due_at
           from kronos.place_of(p_job.workspace_id, p_calendars, p_on_blackout, p_schedule, p_starts_at,
                                p_ends_at, p_held_at) as place) > p_settled_at then
        return v_held;
    elsif p_job.calendars <> '{}' and p_job.on_blackout = 'PREVIOUS' then
        return greatest(p_settled_at, kronos.settled_tick(p_job, '-infinity'));
    end if;
    return p_settled_at;
end
$$;
