-- closed_by: whether one of the calendars closes an instant, and which: the first in the list that does. A
-- calendar is read in its own time zone and by its present version; the days that it names override its week.
-- A name that no calendar has closes nothing.
-- Returns: one row; calendar null: the instant is open. place: which of the calendar's named days it is
-- (day_called); null: its week closes it. since, until: no instant from since and before until is open for
-- this calendar.
create or replace function kronos.closed_by(p_workspace_id uuid, p_calendars text[], p_at timestamptz,
                                            out calendar text, out version integer, out place integer,
                                            out until timestamptz, out since timestamptz)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_each   record;
    v_local  timestamp;
    v_place  integer;
    v_minute integer;      -- minute of the week
    v_begins timestamp;
    v_ends   timestamp;
begin
    for v_each in
        select each.name, each.version, each.timezone, each.closed_week, each.froms, each.tos, each.are_open
          from kronos.calendars as each
         where each.workspace_id = p_workspace_id and each.name = any (p_calendars)
         order by array_position(p_calendars, each.name)
    loop
        v_local := p_at at time zone v_each.timezone;
        v_place := width_bucket(v_local, v_each.froms);
        v_minute := (extract(isodow from v_local)::integer - 1) * 1440
                    + floor(extract(epoch from v_local::time) / 60)::integer;
        if v_local < v_each.tos[v_place] then
            continue when v_each.are_open[v_place];
            v_begins := v_each.froms[v_place];
            v_ends := v_each.tos[v_place];
            place := v_place;
        elsif v_each.closed_week @> v_minute then
            select greatest(date_trunc('week', v_local) + make_interval(mins => lower(part)),
                            v_each.tos[v_place]),
                   least(date_trunc('week', v_local) + make_interval(mins => upper(part)),
                         v_each.froms[v_place + 1])
              into v_begins, v_ends
              from unnest(v_each.closed_week) as part
             where part @> v_minute;
        else
            continue;
        end if;
        calendar := v_each.name;
        version := v_each.version;
        since := v_begins at time zone v_each.timezone;
        until := v_ends at time zone v_each.timezone;
        if (until - interval '3 hours') at time zone v_each.timezone <> v_ends - interval '3 hours' then
            until := kronos.local_instant(v_ends, v_each.timezone, 'SHIFT');      -- the clocks change near it
        end if;
        return;
    end loop;
end
$$;
