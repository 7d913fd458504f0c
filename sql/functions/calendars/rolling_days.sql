-- rolling_days: the local days whose ticks may run on another day in [p_from, p_to): days with ticks for
-- which the day after (p_step 1) or before (-1) has none, so that no nearer day takes that one (rolled_to).
-- Of the days before p_from, the last with ticks counts; of those after p_to, the first.
create or replace function kronos.rolling_days(p_schedule kronos.schedule, p_step integer,
                                               p_starts_at timestamptz, p_ends_at timestamptz,
                                               p_from timestamptz, p_to timestamptz) returns timestamp[]
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_moment constant interval := interval '1 microsecond';
    v_zone   constant text := coalesce(p_schedule.timezone, 'UTC');
    v_since  constant timestamptz := coalesce(p_starts_at, '-infinity') - c_moment;
    v_first  constant timestamp := date_trunc('day', p_from at time zone v_zone);
    v_tick   timestamptz := greatest(v_since,
                                     case when p_step < 0
                                     then kronos.local_instant(v_first - interval '1 day', v_zone, 'SHIFT')
                                     else coalesce(kronos.first_waiting(p_schedule, 'NEXT',
                                                                        p_from - c_moment), p_from)
                                     end - c_moment);
    v_day    timestamp;
    v_before timestamp;
    v_days   timestamp[] := '{}'::timestamp[];
begin
    loop
        v_tick := kronos.next_tick(p_schedule, v_tick);
        v_day := case when v_tick < coalesce(p_ends_at, 'infinity')
                      then date_trunc('day', v_tick at time zone v_zone) end;
        if v_day is distinct from v_before + interval '1 day' then
            v_days := v_days || case when p_step > 0 then v_before when v_day >= v_first then v_day end;
        end if;
        exit when v_day is null or v_tick >= p_to;
        v_before := v_day;
        v_tick := kronos.local_instant(v_day + interval '1 day', v_zone, 'SHIFT') - c_moment;
    end loop;
    return array_remove(v_days, null);
end
$$;
