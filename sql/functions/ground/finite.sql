-- finite: an instant clamped to the years 1 to 9999, so that people and arithmetic can handle it; infinite
-- instants are clamped too. A row may have been written by SQL, and computing with its instants must never
-- fail because of them (kronos/reading.py has the same rule). Inlined.
create or replace function kronos.finite(p_at timestamptz) returns timestamptz
language sql immutable parallel safe
return case
    when p_at < '0001-01-01 00:00:00+00' then timestamptz '0001-01-01 00:00:00+00'
    when p_at >= '10000-01-01 00:00:00+00' then timestamptz '9999-12-31 23:59:59.999999+00'
    else p_at
end;
