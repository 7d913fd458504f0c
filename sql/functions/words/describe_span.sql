-- describe_span: the first and last time of a run: " from 22:00 through 06:55". Hours of 24 and more belong
-- to the next day.
create or replace function kronos.describe_span(p_hour integer, p_minute integer, p_last_hour integer,
                                                p_last_minute integer)
returns text
language sql immutable strict parallel safe
return ' from ' || lpad((p_hour % 24)::text, 2, '0') || ':' || lpad(p_minute::text, 2, '0')
    || ' through ' || lpad((p_last_hour % 24)::text, 2, '0') || ':' || lpad(p_last_minute::text, 2, '0');
