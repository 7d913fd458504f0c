-- traceparent_of: the span of who makes what is made now, as W3C's traceparent writes it, where its request
-- was in a trace; else null. p_caller, p_made: as in creator_of. Inlined.
create or replace function kronos.traceparent_of(p_caller jsonb, p_made uuid default null) returns text
language sql stable
as $$
    select case when p_caller ? 'each' then p_caller -> 'each' -> p_made::text else p_caller end
           ->> 'traceparent'
$$;
