-- lint_times: the local times of a schedule from p_first on and before p_end, in words: "02:00 to 02:45 on
-- 2026-03-29, 4 times,". p_first is one of them.
create or replace function kronos.lint_times(p_schedule kronos.schedule, p_first timestamp, p_end timestamp)
returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_last  timestamp := p_first;
    v_next  timestamp := kronos.next_local_tick(p_schedule, p_first);
    v_count integer := 1;
begin
    while v_next < p_end loop
        v_last := v_next;
        v_count := v_count + 1;
        v_next := kronos.next_local_tick(p_schedule, v_next);
    end loop;
    return case
        when v_count = 1 then to_char(p_first, 'HH24:MI "on" YYYY-MM-DD')
        when v_count = 2
            then format('%s and %s', to_char(p_first, 'HH24:MI'), to_char(v_last, 'HH24:MI "on" YYYY-MM-DD'))
        else format('the %s local times from %s to %s',
                    v_count, to_char(p_first, 'HH24:MI'), to_char(v_last, 'HH24:MI "on" YYYY-MM-DD'))
    end;
end
$$;
