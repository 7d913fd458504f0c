-- zone_change: the first instant at which a zone's UTC offset differs from that at p_from, by bisection. The
-- offset at p_to must differ from that at p_from.
-- Returns: a whole second, as a reading of UTC's clock, later than p_from.
create or replace function kronos.zone_change(p_timezone text, p_from timestamp, p_to timestamp)
returns timestamp
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_offset constant interval := p_from at time zone 'UTC' at time zone p_timezone - p_from;
    v_before timestamp := date_trunc('second', p_from);
    v_since  timestamp := date_trunc('second', p_to);
    v_half   timestamp;
begin
    while v_since - v_before > interval '1 second' loop
        v_half := date_trunc('second', v_before + (v_since - v_before) / 2);
        if v_half at time zone 'UTC' at time zone p_timezone - v_half = v_offset then
            v_before := v_half;
        else
            v_since := v_half;
        end if;
    end loop;
    return v_since;
end
$$;
