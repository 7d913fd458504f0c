-- lint_gap: what happens to the ticks whose local time does not exist because clocks are put forward. p_first
-- is the first such local time, p_end the first one that the clocks show after the gap, p_gap the length of
-- the gap.
create or replace function kronos.lint_gap(p_schedule kronos.schedule, p_first timestamp, p_end timestamp,
                                           p_gap interval)
returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_one boolean;
    v_times  text := kronos.lint_times(p_schedule, p_first, p_end);
    v_end    text :=
        to_char(p_end, case when p_end::date = p_first::date then 'HH24:MI' else 'YYYY-MM-DD HH24:MI' end);
    v_merged text := '';
    v_moves  text;
begin
    v_is_one := coalesce(kronos.next_local_tick(p_schedule, p_first) >= p_end, true);
    v_moves := case when v_is_one then 'the run moves ' else 'the runs move ' end;
    if kronos.next_local_tick(p_schedule, p_end - interval '1 microsecond') = p_end then
        v_merged := format(', merged with the run due at %s', v_end);
    elsif not v_is_one then
        v_merged := ', merged into one run';
    end if;
    return format('%s %s not exist in %s, as clocks go forward: ',
                  v_times, case when v_is_one then 'does' else 'do' end, p_schedule.timezone) || case
        when p_schedule.every_hour
            then 'nothing runs instead, because an hour field that begins with * means real instants'
        when p_schedule.dst_gap = 'SKIP'
            then case when v_is_one then 'the run is' else 'the runs are' end || ' skipped (dst_gap SKIP)'
        when p_schedule.dst_gap = 'SHIFT_BY_GAP'
            then v_moves || kronos.lint_moved(p_schedule, p_first, p_end, p_gap)
        else format('%sto %s%s (dst_gap SHIFT)', v_moves, v_end, v_merged)
    end;
end
$$;
