-- is_number: whether a member of a JSON object is a whole number within these bounds, as JSON counts: 5.0 is
-- one. True if the member is missing or null.
create or replace function kronos.is_number(p_value jsonb, p_least integer, p_most integer) returns boolean
language sql immutable parallel safe
as $$
    select case coalesce(jsonb_typeof(p_value), 'null') when 'null' then true
                when 'number' then p_value::numeric between p_least and p_most
                                   and p_value::numeric = trunc(p_value::numeric)
                else false end
$$;
