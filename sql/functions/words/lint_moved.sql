-- lint_moved: how far dst_gap SHIFT_BY_GAP moves the ticks of a gap: "by 1 hour, to 03:30 (dst_gap
-- SHIFT_BY_GAP)". p_first is the first of their local times, p_end the first one that the clocks show after
-- the gap, p_gap the length of the gap.
create or replace function kronos.lint_moved(p_schedule kronos.schedule, p_first timestamp, p_end timestamp,
                                             p_gap interval)
returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_tick    timestamp := p_first;
    v_last    timestamp;
    v_minutes integer   := (extract(epoch from p_gap) / 60)::integer;
    v_count   integer   := 0;
    v_merged  integer   := 0;      -- with a tick that exists anyway
    v_form    text      := case when (p_end - interval '1 microsecond' + p_gap)::date = p_first::date
                                then 'HH24:MI'
                                else 'YYYY-MM-DD HH24:MI' end;
begin
    while v_tick < p_end loop
        v_count := v_count + 1;
        v_last := v_tick;
        v_merged := v_merged
                    + coalesce(kronos.next_local_tick(p_schedule, v_tick + p_gap - interval '1 microsecond')
                               = v_tick + p_gap, false)::integer;
        v_tick := kronos.next_local_tick(p_schedule, v_tick);
    end loop;
    return format(
        'by %s, to %s%s%s (dst_gap SHIFT_BY_GAP)',
        case when v_minutes = 60 then '1 hour'
             when v_minutes % 60 = 0 then v_minutes / 60 || ' hours'
             else v_minutes || ' minutes' end,
        to_char(p_first + p_gap, v_form),
        case v_count when 1 then '' when 2 then ' and ' else ' through ' end
        || case when v_count > 1 then to_char(v_last + p_gap, v_form) else '' end,
        case
            when v_merged = 0 then ''
            when v_count = 1 then ', merged with the run due then'
            when v_merged = v_count then ', merged with the runs due then'
            else format(', %s of them merged with a run due then', v_merged)
        end
    );
end
$$;
