-- next_interval_tick: the first of p_anchor + n * p_seconds, n = 0, 1, 2 ..., that is strictly later than
-- p_after. p_anchor itself is the first tick. Counts elapsed time: zones and clock changes have no effect.
-- PostgreSQL inlines it into next_tick.
-- Returns: null after the year 9998.
create or replace function kronos.next_interval_tick(p_seconds integer, p_anchor timestamptz,
                                                     p_after timestamptz)
returns timestamptz
language sql immutable parallel safe
return case
    when p_after < p_anchor then p_anchor
    when p_after < '9999-01-01 00:00:00+00'
        then (date_bin(make_interval(secs => p_seconds), p_after at time zone 'UTC',
                       p_anchor at time zone 'UTC') + make_interval(secs => p_seconds))
             at time zone 'UTC'
end;
