-- traceparent_of: the span of the caller that creates an object now, in W3C traceparent format, if its
-- request was part of a trace; otherwise null. p_caller, p_made: as in creator_of. Inlined.
create or replace function kronos.traceparent_of(p_caller jsonb, p_made uuid default null) returns text
language sql stable
as $$
    select case when p_caller ? 'each' then p_caller -> 'each' -> p_made::text else p_caller end
           ->> 'traceparent'
$$;
