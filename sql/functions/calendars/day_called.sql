-- day_called: the name that a calendar gives to a closed instant: the name at closed_by's place, or the part
-- of its week. With 5,000 long names, reading one costs more than everything else about a tick, so only
-- callers that report the name call this.
create or replace function kronos.day_called(p_workspace_id uuid, p_calendar text, p_place integer,
                                             p_at timestamptz) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return (select case when p_place is not null then each.names[p_place]
                        when each.closed_week @> int4range(local.day * 1440, (local.day + 1) * 1440)
                            then to_char(local.at, 'FMDay')
                        else 'outside its hours' end
              from kronos.calendars as each
             cross join lateral (select p_at at time zone each.timezone as at,
                                        extract(isodow from p_at at time zone each.timezone)::integer - 1
                                            as day) as local
             where each.workspace_id = p_workspace_id and each.name = p_calendar);
end
$$;
