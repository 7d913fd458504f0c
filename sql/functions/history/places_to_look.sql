-- places_to_look: what walk_history reads of a span of ids, [p_lower, p_upper): the parts in the weeks to
-- read (spans_to_look), the known executions of the other weeks, and the days of the ids of late rows: those
-- that were created in the span, at p_before_created_at at the latest, or since p_late_since in a span
-- before. The last span has those created before the workspace too. Without notes (p_weeks is null, or the
-- span is older than they are) all of it is read. p_is_odd: p_weeks and p_known are those of odd executions.
-- p_noted_weeks, p_noted_known: those of the requested status, for late rows: these are read by whole days,
-- which begin before the span does, so some of them are not odd although all that were created in it are.
-- Returns: ids from id_from up to id_to of executions created from made_from up to made_to, and whether all
-- of them are noted under the requested status (is_noted); or ids, in known.
create or replace function kronos.places_to_look(
    p_lower timestamptz, p_upper timestamptz, p_noted_from timestamptz, p_weeks timestamptz[], p_known uuid[],
    p_is_odd boolean, p_noted_weeks timestamptz[], p_noted_known uuid[], p_workspace_at timestamptz,
    p_is_last boolean, p_late_since date, p_before_created_at timestamptz
)
returns table (id_from timestamptz, id_to timestamptz, made_from timestamptz, made_to timestamptz,
               is_noted boolean, known uuid[])
language plpgsql stable rows 5 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
declare
    c_slack     constant interval := interval '1 hour';
    v_workspace constant uuid     := kronos.current_workspace_id();
    v_late_from constant date     := ((p_lower + c_slack) at time zone 'UTC')::date;
    v_is_noted  constant boolean  := p_weeks is not null and p_lower >= p_noted_from;
    v_late       timestamptz[];      -- days of the ids of late rows, each with the day of creation
    v_late_made  timestamptz[];
    v_late_until timestamptz[];
begin
    select array_agg(late.id_day::timestamp at time zone 'UTC'),
           array_agg(late.created_day::timestamp at time zone 'UTC'),
           array_agg(case when late.created_day < '9999-12-31'
                          then (late.created_day + 1)::timestamp at time zone 'UTC'
                          else 'infinity' end)
      into v_late, v_late_made, v_late_until
      from (select distinct noted.id_day, noted.created_day
              from kronos.late_days as noted
             where noted.workspace_id = v_workspace
               -- the range that the index reads
               and noted.created_day >= case when p_is_last then '-infinity' else v_late_from end
               and noted.created_day
                   <= least(p_late_since - 1, (p_before_created_at at time zone 'UTC')::date)
               and (noted.created_day >= v_late_from
                    or noted.created_day < (p_workspace_at at time zone 'UTC')::date)) as late;
    return query
        select span.id_from, span.id_to, span.id_from - c_slack, span.id_to + c_slack,
               v_is_noted and not p_is_odd, null::uuid[]
          from kronos.spans_to_look(case when v_is_noted then p_weeks end, p_lower, p_upper) as span
         union all
        select late.id_from, late.id_from + interval '24 hours', late.made_from, late.made_to,
               p_noted_weeks is not null and late.id_from >= p_noted_from, null
          from unnest(v_late, v_late_made, v_late_until) as late (id_from, made_from, made_to)
         where p_noted_weeks is null or late.id_from < p_noted_from
            or date_trunc('week', late.id_from, 'UTC') = any (p_noted_weeks)
         union all
        select null, null, null, null, false, found.ids
          from kronos.known_within(p_known, p_lower, p_upper, p_noted_known, v_late) as found (ids)
         where found.ids <> '{}';
end
$$;
