-- passed_ticks: the ticks of a job from its pointer up to p_now, in three parts. Ticks before the horizon are
-- only counted, because none of them is delivered; the horizon is the start of the window if the policy is
-- ALL, otherwise the start of the grace. The others, at most 10,000, are missed or on time.
-- Returns: counted, first_counted, last_counted: how many, the first and the last; missed, on_time;
-- next_tick: the first tick that is left, null if the schedule or ends_at leaves none.
create or replace function kronos.passed_ticks(
    p_job kronos.jobs, p_pointer kronos.pointers, p_now timestamptz,
    out counted bigint, out first_counted timestamptz, out last_counted timestamptz,
    out missed timestamptz[], out on_time timestamptz[], out next_tick timestamptz
)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_at_most constant integer     := 10000;
    c_late    constant timestamptz := p_now - kronos.grace();
    v_window  constant timestamptz := p_now - make_interval(secs => p_job.catch_up_window_seconds);
    v_horizon constant timestamptz := case when p_job.catch_up_policy = 'ALL' then least(v_window, c_late)
                                           else c_late end;
    v_seen    integer := 0;
begin
    counted := 0;
    missed := '{}';
    on_time := '{}';
    next_tick := p_pointer.next_tick_at;
    if next_tick < p_job.starts_at then      -- the pointer was set back by hand
        next_tick := kronos.next_tick(p_job.schedule, p_job.starts_at - interval '1 microsecond');
    end if;
    if next_tick < v_horizon
    and kronos.next_tick(p_job.schedule, next_tick - interval '1 microsecond') = next_tick then
        first_counted := next_tick;
        select old.ticks, old.last_tick, old.following_tick into counted, last_counted, next_tick
          from kronos.count_ticks(p_job.schedule, first_counted,
                                  least(v_horizon, p_job.ends_at) - interval '1 microsecond') as old;
    end if;
    while next_tick <= p_now
    and v_seen < c_at_most
    and (p_job.ends_at is null or next_tick < p_job.ends_at) loop
        if next_tick < c_late then
            missed := missed || next_tick;
        else
            on_time := on_time || next_tick;
        end if;
        next_tick := kronos.next_tick(p_job.schedule, next_tick);
        v_seen := v_seen + 1;
    end loop;
    if next_tick >= p_job.ends_at then
        next_tick := null;
    end if;
    -- LATEST, and nothing newer: the last counted tick is the newest, and may be delivered.
    if last_counted >= v_window
    and p_job.catch_up_policy = 'LATEST'
    and cardinality(missed || on_time) = 0
    and (next_tick is null or next_tick > p_now) then
        missed := array[last_counted];
        select old.ticks, old.last_tick into counted, last_counted
          from kronos.count_ticks(p_job.schedule, first_counted,
                                  last_counted - interval '1 microsecond') as old;
        first_counted := case when counted > 0 then first_counted end;
    end if;
end
$$;
