-- first_tick: the pointer of a new job: its first tick after now that is not before starts_at and is before
-- ends_at. For a new version, now is the instant up to which settle_ticks accounted for the previous version.
-- Raises: KR002 if there is no tick at all; KR003 if there is none before ends_at, so that the job would
-- never run.
create or replace function kronos.first_tick(p_schedule kronos.schedule, p_starts_at timestamptz,
                                             p_ends_at timestamptz)
returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_now  timestamptz := kronos.settled_at();
    v_tick timestamptz :=
        kronos.next_tick(p_schedule, greatest(v_now, p_starts_at - interval '1 microsecond'));
begin
    if v_tick is null then
        perform kronos.check_dates(p_schedule, v_now);
        raise sqlstate 'KR002' using
            message = 'the schedule never fires: clock changes skip all its times, and dst_gap is '
                      'SKIP',
                                     hint = 'Set dst_gap to SHIFT, or name local times that exist.';
    elsif v_tick >= p_ends_at then
        raise sqlstate 'KR003' using
            message = format('the schedule does not fire before ends_at: its next run would be %s',
                             to_char(v_tick at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
                                     hint = 'Choose a later ends_at, or a schedule that fires before it.';
    end if;
    return v_tick;
end
$$;
