-- minutes_within: those minutes of an hour, as bits 0 to 59, that begin in [p_from, p_to). Inlined.
create or replace function kronos.minutes_within(p_minutes bigint, p_hour timestamptz, p_from timestamptz,
                                                 p_to timestamptz)
returns bigint
language sql immutable parallel safe
return p_minutes
       & case when p_from > p_hour
              then -1::bigint << ceil(extract(epoch from p_from - p_hour) / 60)::integer else -1 end
       & case when p_to < p_hour + interval '1 hour'
              then (1::bigint << ceil(extract(epoch from p_to - p_hour) / 60)::integer) - 1 else -1 end;
