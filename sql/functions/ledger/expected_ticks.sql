-- expected_ticks: the ticks in [p_from, p_to) that a version of a job answers for: those of its schedule
-- after ticks_from and within starts_at and ends_at; for a live version those before its pointer, for an
-- ended one those up to ticks_until. A live job without a pointer has no future ticks, so its ticks go up to
-- ends_at.
-- A schedule with many ticks per day is handled by day: next_tick finds the next day with any, and a day
-- without a clock change has all of the schedule's hours and minutes (24 h of * * * * *: 1 ms instead of 8).
-- Near a clock change each tick is computed.
-- Returns: ascending; at most p_limit.
-- Raises: 22xxx if the schedule is malformed.
create or replace function kronos.expected_ticks(p_job kronos.jobs, p_from timestamptz, p_to timestamptz,
                                                 p_limit integer)
returns setof timestamptz
language plpgsql stable rows 1500 set search_path = pg_catalog, pg_temp
as $$
declare
    c_many    constant integer  := 24;                    -- ticks per day from which this pays off
    -- As in count_ticks.
    c_margin  constant interval := case when (p_job.schedule).dst_gap = 'SHIFT_BY_GAP'
                                        then interval '24 hours'
                                        else interval '3 hours' end;
    v_zone    text        := (p_job.schedule).timezone;
    v_tick    timestamptz := greatest(p_job.ticks_from, p_from - interval '1 microsecond',
                                      kronos.finite(p_job.starts_at) - interval '1 microsecond');
    v_until   timestamptz := least(p_to, p_job.ends_at,
                                   case when p_job.status in ('ACTIVE', 'PAUSED')
                                        then (select coalesce(pointer.tick_at, pointer.next_tick_at)
                                                from kronos.pointer_of(p_job.job_id) as pointer)
                                        else kronos.finite(p_job.ticks_until) + interval '1 microsecond'
                                   end);
    v_left    integer     := p_limit;
    v_of_day  interval[];
    v_day     timestamp;
    v_begins  timestamptz;
    v_ends    timestamptz;
    v_count   integer;
begin
    if bit_count((p_job.schedule).minutes::bit(64)) * bit_count((p_job.schedule).hours::bit(32))
       >= c_many then
        v_of_day := array(select make_interval(hours => hour, mins => minute)
                            from unnest(kronos.cron_values((p_job.schedule).hours)) as hour
                           cross join unnest(kronos.cron_values((p_job.schedule).minutes)) as minute
                           order by 1);
    end if;
    loop
        v_tick := kronos.next_tick(p_job.schedule, v_tick);
        exit when v_left <= 0 or v_tick >= v_until or v_tick is null;
        if v_of_day is not null then
            v_day := date_trunc('day', v_tick at time zone v_zone);
            v_begins := v_day at time zone v_zone;
            v_ends := (v_day + interval '1 day') at time zone v_zone;
            if v_ends - v_begins = interval '1 day'
               and (v_ends + c_margin) at time zone v_zone = v_day + interval '1 day' + c_margin
               and (v_begins - c_margin) at time zone v_zone = v_day - c_margin then
                return query
                    select v_begins + of_day.after
                      from unnest(v_of_day) as of_day (after)
                     where v_begins + of_day.after >= v_tick
                       and (v_until is null or v_begins + of_day.after < v_until)
                     limit v_left;
                get diagnostics v_count = row_count;
                v_left := v_left - v_count;
                v_tick := v_ends - interval '1 microsecond';
                continue;
            end if;
        end if;
        return next v_tick;
        v_left := v_left - 1;
    end loop;
end
$$;
