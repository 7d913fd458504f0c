-- describe_every: "Every minute", "Every 5 minutes".
create or replace function kronos.describe_every(p_unit text, p_step integer) returns text
language sql immutable strict parallel safe
return case p_step when 1 then 'Every ' || p_unit else 'Every ' || p_step || ' ' || p_unit || 's' end;
