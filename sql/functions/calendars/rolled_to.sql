-- rolled_to: the nearest day after (p_step 1) or before (-1) a local time's own, within a year, on which the
-- same time is open for all of the calendars; a time that does not exist there is the one that dst_gap SHIFT
-- makes of it.
-- Returns: null where there is none.
create or replace function kronos.rolled_to(p_workspace_id uuid, p_calendars text[], p_local timestamp,
                                            p_timezone text, p_dst_gap text, p_step integer)
returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_days constant integer := 366;
    v_at   timestamptz;
begin
    for v_days in 1 .. c_days loop
        v_at := kronos.local_instant(p_local + v_days * p_step * interval '1 day', p_timezone,
                                     coalesce(p_dst_gap, 'SHIFT'));
        if (select closed.calendar from kronos.closure_at(p_workspace_id, p_calendars, v_at) as closed) is null
        then
            return v_at;
        end if;
    end loop;
    return null;
end
$$;
