-- left_out: ticks that do not run, as coming_runs lists them: ticks that calendars close (p_closed), and
-- ticks up to p_last whose local time does not exist.
create or replace function kronos.left_out(p_schedule kronos.schedule, p_closed jsonb[], p_after timestamptz,
                                           p_last timestamptz) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
begin
    return (select coalesce(jsonb_agg(tick order by tick ->> 'at'), '[]')
              from (select unnest(p_closed) as tick
                     union all
                    select jsonb_build_object('at', gap.at, 'local',
                                              to_char(gap.local, 'YYYY-MM-DD"T"HH24:MI:SS'),
                                              'dst', 'skipped', 'reason', null)
                      from kronos.skipped_ticks(p_schedule, p_after, p_last) as gap) as told);
end
$$;
