-- finite: an instant as it can be counted with and read by people: one before the year 1 or after 9999, or an
-- infinite one, is the first or the last that there is. A row may have been written by SQL: what is computed
-- from its instants never fails for their sake (kronos/reading.py has the same rule). Inlined.
create or replace function kronos.finite(p_at timestamptz) returns timestamptz
language sql immutable parallel safe
return case
    when p_at < '0001-01-01 00:00:00+00' then timestamptz '0001-01-01 00:00:00+00'
    when p_at >= '10000-01-01 00:00:00+00' then timestamptz '9999-12-31 23:59:59.999999+00'
    else p_at
end;
