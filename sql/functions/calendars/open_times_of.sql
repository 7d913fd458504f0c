-- open_times_of: open_times for many sets of calendars (p_sets: a list of {workspace_id, calendars}). Each
-- calendar is read once, however many sets contain it. As in closed_by, a name that no calendar has closes
-- nothing.
create or replace function kronos.open_times_of(p_sets jsonb, p_from timestamptz, p_to timestamptz)
returns table (workspace_id uuid, calendars text[], times tstzmultirange)
language plpgsql stable rows 100 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set jit = off
as $$
#variable_conflict use_column
begin
    return query
    with asked as materialized (
        select distinct each.workspace_id, each.calendars
          from jsonb_to_recordset(p_sets) as each (workspace_id uuid, calendars text[])
    ), named as materialized (
        select asked.workspace_id, asked.calendars, unnest(asked.calendars) as name from asked
    ), calendar as materialized (
        select alike.workspace_id, open.name, open.times
          from (select named.workspace_id, array_agg(distinct named.name) as names
                  from named
                 group by named.workspace_id) as alike
         cross join lateral kronos.open_times_each(alike.workspace_id, alike.names, p_from, p_to) as open
    )
    select named.workspace_id, named.calendars,
           coalesce(range_intersect_agg(calendar.times), tstzmultirange(tstzrange(p_from, p_to)))
      from named
      left join calendar on calendar.workspace_id = named.workspace_id and calendar.name = named.name
     group by named.workspace_id, named.calendars;
end
$$;
