-- spans_to_look: the parts of a span of ids, [p_lower, p_upper), that are in the given weeks; consecutive
-- weeks form one part. A null bound means no bound, null weeks mean all.
-- Returns: newest first.
create or replace function kronos.spans_to_look(p_weeks timestamptz[], p_lower timestamptz,
                                                p_upper timestamptz)
returns table (id_from timestamptz, id_to timestamptz)
language plpgsql stable rows 5 set search_path = pg_catalog, pg_temp
as $$
declare
    c_week constant interval := interval '168 hours';
begin
    if p_weeks is null then
        return query select p_lower, p_upper;
        return;
    end if;
    return query
        select greatest(min(week.at), p_lower), least(max(week.at) + c_week, p_upper)
          from (select each.at, each.at + row_number() over (order by each.at desc) * c_week as run
                  from unnest(p_weeks) as each (at)
                 where each.at + c_week > p_lower
                   and (p_upper is null or each.at < p_upper)) as week
         group by week.run
         order by 1 desc;
end
$$;
