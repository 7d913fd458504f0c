-- first_changed: the first tick that a CRON job would still have if it had the given schedule, window and
-- calendars from p_from on (next_ticks_from).
-- Returns: 'infinity' if there is none.
create or replace function kronos.first_changed(
    p_job kronos.jobs, p_from timestamptz, p_schedule kronos.schedule, p_starts_at timestamptz,
    p_ends_at timestamptz, p_calendars text[], p_on_blackout text
) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_held constant timestamptz := (select pointer.tick_at
                                      from kronos.pointer_of(p_job.job_id) as pointer);
begin
    return coalesce(kronos.next_tick(p_schedule,
                                     kronos.next_ticks_from(p_job,
                                                            greatest(p_from,
                                                                     kronos.settled_beyond(p_job, p_from)),
                                                            v_held, p_schedule, p_starts_at, p_ends_at,
                                                            p_calendars, p_on_blackout)),
                    'infinity');
end
$$;
