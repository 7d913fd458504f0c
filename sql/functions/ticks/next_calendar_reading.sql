-- next_calendar_reading: the first of p_anchor + n * p_days days, or n * p_months months, n = 0, 1, 2 ...,
-- that is later than p_after. All are readings of one wall clock. p_anchor itself is the first. If a month
-- has no such day, its last day is used, and the next is counted from the anchor again: 31 January, 28
-- February, 31 March. Steps are computed, not walked.
-- Returns: null after the year 9980.
-- Raises: 22xxx if the interval is not positive, which only an edit by hand or a damaged disk can cause. A
-- negative interval would make every ring search endlessly for a later tick.
create or replace function kronos.next_calendar_reading(p_days integer, p_months integer, p_anchor timestamp,
                                                        p_after timestamp)
returns timestamp
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_count   integer;
    v_reading timestamp;
begin
    if least(p_days, p_months) < 1 then
        raise exception 'an interval of % days, % months', coalesce(p_days, 0), coalesce(p_months, 0)
            using errcode = 'invalid_parameter_value';
    elsif p_after < p_anchor then
        return p_anchor;
    elsif p_after >= '9980-01-01' then
        return null;
    elsif p_days is not null then
        return p_anchor + make_interval(
            days => p_days * (floor(extract(epoch from p_after - p_anchor) / 86400 / p_days)::integer + 1)
        );
    end if;
    v_count := ((date_part('year', p_after) - date_part('year', p_anchor)) * 12
                + date_part('month', p_after) - date_part('month', p_anchor))::integer / p_months;
    v_reading := p_anchor + make_interval(months => p_months * v_count);
    return case when v_reading > p_after then v_reading
                else p_anchor + make_interval(months => p_months * (v_count + 1)) end;
end
$$;
