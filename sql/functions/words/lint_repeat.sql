-- lint_repeat: what happens to the ticks whose local time occurs twice because clocks are put back. p_first
-- is the first such local time, p_end the one at which clocks are put back.
create or replace function kronos.lint_repeat(p_schedule kronos.schedule, p_first timestamp, p_end timestamp)
returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_one boolean := coalesce(kronos.next_local_tick(p_schedule, p_first) >= p_end, true);
begin
    return format('%s %s twice in %s, as clocks go back: it runs ',
                  kronos.lint_times(p_schedule, p_first, p_end),
                  case when v_is_one then 'occurs' else 'occur' end, p_schedule.timezone) || case
        when p_schedule.every_hour
            then 'both times, because an hour field that begins with * means real instants'
        when p_schedule.dst_overlap = 'BOTH' then 'both times (dst_overlap BOTH)'
        else 'the first time only (dst_overlap FIRST)'
    end;
end
$$;
