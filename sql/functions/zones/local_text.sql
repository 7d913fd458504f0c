-- local_text: an instant as a zone's clocks show it, with their UTC offset: "2026-03-29T03:00:00+02:00". Uses
-- only PostgreSQL's zone data.
create or replace function kronos.local_text(p_at timestamptz, p_timezone text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_local  timestamp := p_at at time zone p_timezone;
    v_offset interval := v_local - (p_at at time zone 'UTC');
begin
    return to_char(v_local, case
               when date_trunc('second', v_local) = v_local then 'YYYY-MM-DD"T"HH24:MI:SS'
               else 'YYYY-MM-DD"T"HH24:MI:SS.US'
           end)
           || case when v_offset < interval '0' then '-' else '+' end
           -- Before standard time a zone's offset had seconds, which ISO 8601 does not allow and Python's own
           -- parser accepts.
           || to_char(greatest(v_offset, -v_offset),
                      case when date_part('second', v_offset) = 0 then 'HH24:MI' else 'HH24:MI:SS' end);
end
$$;
