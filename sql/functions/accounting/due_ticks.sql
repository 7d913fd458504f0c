-- due_ticks: what becomes of each nominal tick of a job from its pointer up to p_now. Pure: it reads the rows
-- it is given and writes nothing. A tick accounted for within the grace (kronos.grace) after its time is on
-- time and is delivered. Of the older ones, the missed, the job's policy delivers none (SKIP), the newest
-- within the window and only if no newer tick is delivered with it (LATEST), or each within the window (ALL).
-- Of what would be delivered, the first skip_next are skipped; and no more than max_runs leaves room for.
-- Returns: a DELIVER row a tick, in order (for a missed one without run_at: account_ticks spreads these over
-- all jobs); at most one MISSED and one SKIPPED row, each for a run of ticks before them; one NEXT row: in
-- scheduled_at the new pointer, null where the schedule or ends_at leaves none, in run_at the newest tick
-- delivered, in tick_count how many are. Of the ticks within the window at most 10,000 a call (about 0.1 s):
-- the rest is due at once, and found by the next ring. Those before it are counted, however many they are.
create or replace function kronos.due_ticks(p_job kronos.jobs, p_pointer kronos.pointers, p_now timestamptz)
returns table (kind text, scheduled_at timestamptz, run_at timestamptz, cause text, tick_count integer,
               reason jsonb, is_held boolean)
language plpgsql stable rows 2 set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
    c_grace    constant interval := kronos.grace();
    c_at_most  constant integer  := 10000;
    v_tick     timestamptz   := p_pointer.next_tick_at;
    v_on_time  timestamptz[] := '{}'::timestamptz[];
    v_missed   timestamptz[] := '{}'::timestamptz[];
    v_deliver  timestamptz[];
    -- where it begins
    v_window   timestamptz   := p_now - make_interval(secs => p_job.catch_up_window_seconds);
    v_horizon  timestamptz   := case when p_job.catch_up_policy = 'ALL' then least(v_window, p_now - c_grace)
                                     else p_now - c_grace end;
    -- of the ticks before the horizon, of which the newest at most is delivered: they are only counted
    v_first    timestamptz;
    v_old_last timestamptz;
    v_old_count bigint := 0;
    v_given_up integer;                 -- how many of v_missed, from its beginning, are not delivered
    v_skipped  integer;                 -- how many of v_deliver, from its beginning, are skipped
    v_room     integer := p_job.max_runs - p_pointer.runs;
    v_seen     integer := 0;
begin
    if v_tick < p_job.starts_at then      -- whoever set the pointer back
        v_tick := kronos.next_tick(p_job.schedule, p_job.starts_at - interval '1 microsecond');
    end if;
    if v_tick < v_horizon
    and kronos.next_tick(p_job.schedule, v_tick - interval '1 microsecond') = v_tick then
        v_first := v_tick;
        select counted.ticks, counted.last_tick, counted.following_tick into v_old_count, v_old_last, v_tick
          from kronos.count_ticks(p_job.schedule, v_tick,
                                  least(v_horizon, p_job.ends_at) - interval '1 microsecond') as counted;
    end if;
    while v_tick <= p_now and v_seen < c_at_most and (p_job.ends_at is null or v_tick < p_job.ends_at) loop
        if v_tick < p_now - c_grace then
            v_missed := v_missed || v_tick;
        else
            v_on_time := v_on_time || v_tick;
        end if;
        v_tick := kronos.next_tick(p_job.schedule, v_tick);
        v_seen := v_seen + 1;
    end loop;
    if v_tick >= p_job.ends_at then
        v_tick := null;
    end if;

    if v_old_last >= v_window
    and p_job.catch_up_policy = 'LATEST'
    and cardinality(v_missed || v_on_time) = 0
    and (v_tick is null or v_tick > p_now) then
        v_missed := array[v_old_last];
        select counted.ticks, counted.last_tick into v_old_count, v_old_last
          from kronos.count_ticks(p_job.schedule, v_first, v_old_last - interval '1 microsecond') as counted;
        v_first := case when v_old_count > 0 then v_first end;
    end if;
    v_given_up := cardinality(v_missed);
    if p_job.catch_up_policy = 'ALL'
    or (p_job.catch_up_policy = 'LATEST'
        and cardinality(v_on_time) = 0
        and (v_tick is null or v_tick > p_now)) then
        select count(*) into v_given_up
          from unnest(v_missed) with ordinality as missed (tick, nth)
         where missed.tick < v_window
            or (p_job.catch_up_policy = 'LATEST' and missed.nth < cardinality(v_missed));
    end if;
    v_deliver := v_missed[v_given_up + 1:] || v_on_time;
    v_skipped := least(p_job.skip_next, cardinality(v_deliver));
    if v_room < cardinality(v_deliver) - v_skipped then
        -- stays due, in case a run before it is not one after all (admitted_ticks)
        v_tick := v_deliver[v_skipped + v_room + 1];
        v_deliver := v_deliver[:v_skipped + v_room];
    end if;

    if v_old_count + v_given_up > 0 then
        return query select 'MISSED', coalesce(v_first, v_missed[1]), coalesce(v_first, v_missed[1]),
            'SCHEDULE', (v_old_count + v_given_up)::integer,
            jsonb_build_object('code', 'missed',
                               'detail', format('accounted for more than %s s after its time; not '
                                                'delivered under the job''s catch-up policy',
                                                extract(epoch from c_grace)::integer),
                               'policy', p_job.catch_up_policy,
                               'window_seconds', p_job.catch_up_window_seconds,
                               'first', coalesce(v_first, v_missed[1]),
                               'last', coalesce(v_missed[nullif(v_given_up, 0)], v_old_last),
                               'count', v_old_count + v_given_up), false;
    end if;
    if v_skipped > 0 then
        return query select 'SKIPPED', v_deliver[1], v_deliver[1], 'SCHEDULE', v_skipped,
            jsonb_build_object('code', 'skip_next', 'detail', 'one of the next ticks that were to be skipped',
                               'skip_next', p_job.skip_next,
                               'first', v_deliver[1], 'last', v_deliver[v_skipped], 'count', v_skipped),
                               false;
        v_deliver := v_deliver[v_skipped + 1:];
    end if;
    if cardinality(v_deliver) = 1 and v_deliver = v_on_time and p_job.jitter_seconds = 0 then
        -- What nearly every call finds; as queries these two rows cost 0.04 ms more a job (128 against 84 ms
        -- for 1,000).
        kind := 'DELIVER';
        scheduled_at := v_on_time[1];
        run_at := v_on_time[1];
        cause := 'SCHEDULE';
        tick_count := 1;
        is_held := false;
        return next;
        kind := 'NEXT'; scheduled_at := v_tick; cause := null;
        return next;
        return;
    end if;
    return query
        select 'DELIVER', tick.at,
               case when tick.at >= p_now - c_grace
                    then tick.at + kronos.jitter(p_job.first_version_id, p_job.jitter_seconds,
                                                 lead(tick.at, 1, v_tick) over (order by tick.at) - tick.at)
               end,
               case when tick.at < p_now - c_grace then 'CATCH_UP' else 'SCHEDULE' end, 1, null::jsonb, false
          from unnest(v_deliver) as tick (at)
         order by tick.at;
    return query select 'NEXT', v_tick, v_deliver[cardinality(v_deliver)], null, cardinality(v_deliver),
        null::jsonb, false;
end
$$;
