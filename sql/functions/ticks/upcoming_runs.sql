-- upcoming_runs: preview a schedule: its next p_count runs after p_after and before p_until (null: no end),
-- and the ticks up to the last of them that do not run because their local time does not exist (dst_gap
-- SKIP). If there is no run at all, such ticks of the next five years, at most p_count. The first p_passed
-- ticks are not runs.
-- Returns: next_runs and skipped, JSON lists of {at, local, dst}.
create or replace function kronos.upcoming_runs(
    p_schedule kronos.schedule, p_after timestamptz, p_until timestamptz, p_passed integer, p_count integer,
    out next_runs jsonb, out skipped jsonb
)
language plpgsql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
    v_is_utc boolean := kronos.is_utc_zone(p_schedule.timezone);
    v_tick   timestamptz := p_after;
    v_last   timestamptz;
    v_runs   jsonb[] := '{}'::jsonb[];
begin
    for i in 1 - p_passed .. p_count loop
        v_tick := kronos.next_tick(p_schedule, v_tick);
        exit when v_tick is null or v_tick >= least(p_until, '10000-01-01 00:00:00+00');
        continue when i < 1;
        v_last := v_tick;
        v_runs := v_runs || jsonb_build_object(
            'at', v_tick,
            'local', kronos.local_text(v_tick, p_schedule.timezone),
            'dst', case when not v_is_utc then kronos.clock_change(p_schedule, v_tick) end
        );
    end loop;
    next_runs := to_jsonb(v_runs);
    if v_last is null and p_count > 0 then
        v_last := least(p_until - interval '1 microsecond', p_after + interval '5 years');
    end if;
    select coalesce(jsonb_agg(jsonb_build_object(
               'at', tick.at, 'local', to_char(tick.local, 'YYYY-MM-DD"T"HH24:MI:SS'), 'dst', 'skipped'
           ) order by tick.local), '[]')
      into skipped
      from (select named.at, named.local from kronos.skipped_ticks(p_schedule, p_after, v_last) as named
             order by named.local limit case when v_runs = '{}' then p_count end) as tick;
end
$$;
