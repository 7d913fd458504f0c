-- next_calendar_reading: the first of p_anchor + n * p_days days, or n * p_months months, n = 0, 1, 2 ...,
-- that is later than p_after: readings of one wall clock. p_anchor itself is the first. Where a month has no
-- such day its last one stands in, and the next is counted from the anchor again: 31 January, 28 February, 31
-- March.
-- Returns: null after the year 9980.   No step is walked: months and days are counted.
-- Raises: 22xxx where the interval is none, as only a hand or a disk writes it: one that goes back would have
-- every ring look for a later tick without end.
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
