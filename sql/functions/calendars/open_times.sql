-- open_times: the times in [p_from, p_to) that none of the calendars closes (open_times_each).
create or replace function kronos.open_times(p_workspace_id uuid, p_calendars text[], p_from timestamptz,
                                             p_to timestamptz) returns tstzmultirange
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((select range_intersect_agg(each.times)
                       from kronos.open_times_each(p_workspace_id, p_calendars, p_from, p_to) as each),
                    tstzmultirange(tstzrange(p_from, p_to)));
end
$$;
