-- coming_runs: upcoming_runs for a schedule with calendars: its next p_count runs after p_after, without the
-- first p_passed, and the ticks up to the last of them that calendars leave out. p_first: no tick before it
-- is considered (null: any that may run after p_after).
--
-- At most 2,000 ticks are examined, within five years, and at most 200 in a row of those that would roll.
-- Ticks that a closure skips are passed over together (after_closed); after 20 skipped ticks in a row, so is
-- the time that all calendars close together (leapt). A tick that moves less far than the one before it, or
-- not at all, waits for that one (fate_in_turn).
-- Returns: next_runs {at, local, dst, rolled_from, reason}, ordered by time; skipped {at, local, dst,
-- reason}, where dst is set only if a local time does not exist.
create or replace function kronos.coming_runs(
    p_workspace_id uuid, p_calendars text[], p_on_blackout text, p_schedule kronos.schedule,
    p_starts_at timestamptz, p_ends_at timestamptz, p_first timestamptz, p_after timestamptz,
    p_passed integer, p_count integer, out next_runs jsonb, out skipped jsonb
)
language plpgsql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
    v_zone constant text := coalesce(p_schedule.timezone, 'UTC');
    v_tick timestamptz   := greatest(p_first, kronos.first_waiting(p_schedule, p_on_blackout, p_after));
    v_runs jsonb[]       := '{}'::jsonb[];
    v_out  jsonb[]       := '{}'::jsonb[];
    v_row  integer       := 0;      -- closed ticks since the last one that runs
    v_left integer       := p_passed;
    v_last timestamptz;
    v_latest timestamptz;      -- when the ticks up to here are accounted for
    v_open tstzmultirange;      -- open times in the past
    v_before timestamptz;
    v_since timestamptz;
    v_fate record;
begin
    if v_tick < p_starts_at then
        v_tick := kronos.next_tick(p_schedule, p_starts_at - interval '1 microsecond');
    end if;
    if v_tick <= p_after then
        v_open := kronos.open_times(p_workspace_id, p_calendars, v_tick, p_after);
    end if;
    for v_nth in 1 .. 2000 loop
        if v_latest is null or v_latest <= p_after then
            v_tick := coalesce(kronos.after_open(p_schedule, v_open, v_tick), v_tick);
        end if;
        v_since := kronos.runs_since(p_schedule, p_on_blackout, v_since, v_before, v_tick);
        if v_row > 0 and v_row % 20 = 0 then
            v_tick := kronos.leapt(p_workspace_id, p_calendars, p_on_blackout, p_schedule, v_tick, v_since,
                                   true);
        end if;
        v_before := v_tick;
        exit when v_tick is null or v_tick >= least(p_ends_at, p_after + interval '5 years')
               or cardinality(v_runs) >= p_count or (v_row >= 200 and p_on_blackout <> 'SKIP');
        v_fate := kronos.fate_in_turn(p_workspace_id, p_calendars, p_on_blackout, p_schedule, p_starts_at,
                                      p_ends_at, v_tick, v_latest);
        v_latest := v_fate.due_at;
        v_row := case when v_fate.run_at is null then v_row + 1 else 0 end;
        if v_fate.run_at > p_after and v_left > 0 then
            v_left := v_left - 1;
        elsif v_fate.run_at > p_after then
            v_last := v_tick;
            v_runs := v_runs || jsonb_build_object(
                'at', v_fate.run_at, 'local', kronos.local_text(v_fate.run_at, v_zone),
                'dst', case when v_fate.reason is null then kronos.clock_change(p_schedule, v_tick) end,
                'rolled_from', case when v_fate.reason is not null then v_tick end,
                'reason', v_fate.reason ->> 'detail');
        elsif v_fate.run_at is null and v_tick > p_after and v_row <= 20 then
            v_out := v_out || jsonb_build_object(
                'at', v_tick, 'local', to_char(v_tick at time zone v_zone, 'YYYY-MM-DD"T"HH24:MI:SS'),
                'dst', null, 'reason', v_fate.reason ->> 'detail');
        end if;
        v_tick := case when v_row >= 20
                       then kronos.after_closed(p_schedule, p_on_blackout, p_starts_at, p_ends_at, v_tick,
                                                v_fate.until)
                       else kronos.next_tick(p_schedule, v_tick) end;
    end loop;
    next_runs := (select coalesce(jsonb_agg(run order by run ->> 'at'), '[]') from unnest(v_runs) as run);
    skipped := kronos.left_out(p_schedule, v_out, p_after, v_last);
end
$$;
