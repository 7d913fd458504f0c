-- attempts_anew: the max_attempts of an execution that is made due again after p_made attempts: as many more
-- as its endpoint's version allows, up to the column's maximum. Inlined.
create or replace function kronos.attempts_anew(p_made smallint, p_allowed smallint) returns smallint
language sql immutable parallel safe
return least(p_made::integer + p_allowed, kronos.most_attempts())::smallint;
