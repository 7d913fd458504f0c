-- span_below: the lower bound of walk_history's next span below p_upper: p_days lower, and further if
-- little is noted: down to the fifth week to read or the twenty-fifth known execution, whichever comes first,
-- but not below the time from which weeks are noted. A long span begins with a week, so that no week is read
-- twice.
create or replace function kronos.span_below(p_upper timestamptz, p_days interval, p_weeks timestamptz[],
                                             p_known uuid[], p_noted_from timestamptz)
returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_lower timestamptz := p_upper - p_days;
begin
    if p_weeks is null or p_days < interval '16 days' then
        return v_lower;
    end if;
    return date_trunc('week', least(v_lower, greatest(p_noted_from,
               (select each.at
                  from unnest(p_weeks) as each (at)
                 where each.at < p_upper
                 order by each.at desc
                offset 4
                 limit 1),
               (select kronos.uuid7_time(each.id)
                  from unnest(p_known) as each (id)
                 where each.id < kronos.uuid7_floor(p_upper)
                 order by each.id desc
                offset 24
                 limit 1))), 'UTC');
end
$$;
