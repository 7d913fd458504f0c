-- zone_changes: the times between two instants at which a zone's clocks are put forward or back.
-- Returns: ascending, (the first instant of the new UTC offset, the offset before it, the offset from then
-- on).
--
-- PostgreSQL does not list changes, so weeks are compared. If clocks are changed and changed back within one
-- week, it is not noticed; since 1970 the shortest such period was a month, Ramadan in Egypt and Morocco.
create or replace function kronos.zone_changes(p_timezone text, p_after timestamptz, p_until timestamptz)
returns table (at timestamptz, old_offset interval, new_offset interval)
language plpgsql stable strict set search_path = pg_catalog, pg_temp
as $$
declare
    v_low  timestamptz := p_after;
    v_week timestamptz;
begin
    old_offset := v_low at time zone p_timezone - v_low at time zone 'UTC';
    while v_low < p_until loop
        v_week := least(v_low + interval '168 hours', p_until);
        new_offset := v_week at time zone p_timezone - v_week at time zone 'UTC';
        if new_offset <> old_offset then
            at := kronos.zone_change(p_timezone, v_low at time zone 'UTC', v_week at time zone 'UTC')
                  at time zone 'UTC';
            return next;
        end if;
        old_offset := new_offset;
        v_low := v_week;
    end loop;
end
$$;
