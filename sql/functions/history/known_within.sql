-- known_within: those of the executions p_known whose ids are in a span, and those of p_known_of_days whose
-- ids are on one of the given days. Null lists are empty.
create or replace function kronos.known_within(p_known uuid[], p_lower timestamptz, p_upper timestamptz,
                                               p_known_of_days uuid[], p_days timestamptz[])
returns uuid[]
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_first constant uuid := kronos.uuid7_floor(p_lower);
    v_end   constant uuid := kronos.uuid7_floor(p_upper);
begin
    if coalesce(p_known, '{}') = '{}' and coalesce(p_known_of_days, '{}') = '{}' then
        return '{}'::uuid[];
    end if;
    return array(select known.id
                   from unnest(p_known) as known (id)
                  where known.id >= v_first and (v_end is null or known.id < v_end)
                  union
                 select known.id
                   from (select kronos.uuid7_floor(each.at) as first_id,
                         kronos.uuid7_floor(each.at + interval '24 hours') as end_id
                           from unnest(p_days) as each (at)) as day
                   join unnest(p_known_of_days) as known (id)
                     on known.id >= day.first_id and known.id < day.end_id);
end
$$;
