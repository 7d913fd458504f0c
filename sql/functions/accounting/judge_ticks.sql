-- judge_ticks: decides, by the job's policies, what becomes of each nominal tick of a job from its pointer up
-- to p_now. due_ticks describes the rows.
create or replace function kronos.judge_ticks(p_job kronos.jobs, p_pointer kronos.pointers, p_now timestamptz)
returns table (kind text, scheduled_at timestamptz, run_at timestamptz, cause text, tick_count integer,
               reason jsonb, is_held boolean)
language plpgsql stable rows 2 set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
    c_late     constant timestamptz := p_now - kronos.grace();
    v_window   constant timestamptz := p_now - make_interval(secs => p_job.catch_up_window_seconds);
    v_room     constant integer     := p_job.max_runs - p_pointer.runs;
    v_passed   record;
    v_next     timestamptz;
    v_deliver  timestamptz[];
    v_given_up integer;      -- how many of the missed ticks, from the first, are not delivered
    v_skipped  integer;      -- how many of v_deliver, from the first, are skipped
begin
    v_passed := kronos.passed_ticks(p_job, p_pointer, p_now);
    v_next := v_passed.next_tick;
    select count(*) into v_given_up
      from unnest(v_passed.missed) with ordinality as missed (tick, nth)
     where case p_job.catch_up_policy
                when 'ALL' then missed.tick < v_window
                when 'LATEST' then missed.tick < v_window or missed.nth < cardinality(v_passed.missed)
                                or cardinality(v_passed.on_time) > 0 or coalesce(v_next <= p_now, false)
                else true end;
    v_deliver := v_passed.missed[v_given_up + 1:] || v_passed.on_time;
    v_skipped := least(p_job.skip_next, cardinality(v_deliver));
    if v_room < cardinality(v_deliver) - v_skipped then
        -- stays due, in case an earlier run turns out not to count (admitted_ticks)
        v_next := v_deliver[v_skipped + v_room + 1];
        v_deliver := v_deliver[:v_skipped + v_room];
    end if;
    if v_passed.counted + v_given_up > 0 then
        scheduled_at := coalesce(v_passed.first_counted, v_passed.missed[1]);
        return query select 'MISSED', scheduled_at, scheduled_at, 'SCHEDULE',
            (v_passed.counted + v_given_up)::integer,
            kronos.missed_reason(p_job, scheduled_at,
                                 coalesce(v_passed.missed[nullif(v_given_up, 0)], v_passed.last_counted),
                                 v_passed.counted + v_given_up), false;
    end if;
    if v_skipped > 0 then
        return query select 'SKIPPED', v_deliver[1], v_deliver[1], 'SCHEDULE', v_skipped,
            jsonb_build_object('code', 'skip_next', 'detail', 'one of the next ticks that were to be skipped',
                               'skip_next', p_job.skip_next, 'first', v_deliver[1],
                               'last', v_deliver[v_skipped], 'count', v_skipped), false;
        v_deliver := v_deliver[v_skipped + 1:];
    end if;
    return query
        select 'DELIVER', tick.at,
               case when tick.at >= c_late
                    then tick.at + kronos.run_delay(p_job, lead(tick.at, 1, v_next) over (order by tick.at)
                                                           - tick.at)
               end,
               case when tick.at < c_late then 'CATCH_UP' else 'SCHEDULE' end, 1, null::jsonb, false
          from unnest(v_deliver) as tick (at)
         order by tick.at;
    return query select 'NEXT', v_next, v_deliver[cardinality(v_deliver)], null, cardinality(v_deliver),
        null::jsonb, false;
end
$$;
