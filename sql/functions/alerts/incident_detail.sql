-- incident_detail: what happened to a subject, as a sentence without its full stop.
create or replace function kronos.incident_detail(p_condition jsonb, p_streak integer, p_outcomes text,
                                                  p_runs bigint, p_failures bigint, p_seconds integer,
                                                  p_base_at timestamptz) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select case p_condition ->> 'type'
               when 'FAILURES' then
                   case when p_streak = 1 then 'it failed'
                        else format('it failed %s times in a row', p_streak) end
               when 'MISSED' then
                   case when p_streak = 1 then 'it was missed'
                        else format('it was missed %s times in a row', p_streak) end
               when 'FAILURE_RATE' then
                   case when p_condition ->> 'window_seconds' is null
                        then format('%s of its last %s failed', length(replace(p_outcomes, 'O', '')),
                                    kronos.counted(length(p_outcomes), 'run'))
                        else format('%s of its %s of the last %s s failed', p_failures,
                                    kronos.counted(p_runs, 'run'),
                                    p_condition ->> 'window_seconds') end
               when 'LATE' then format('it was %s s late', coalesce(p_seconds, 0))
               when 'RUNNING' then format('it ran for %s s', coalesce(p_seconds, 0))
               when 'NO_SUCCESS' then format('it has not succeeded since %s', kronos.iso(p_base_at)) end
$$;
