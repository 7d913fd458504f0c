-- is_number: whether a member of a JSON object is a whole number within these bounds, written only with
-- digits. True if the member is missing or null.
create or replace function kronos.is_number(p_value jsonb, p_least integer, p_most integer) returns boolean
language sql immutable parallel safe
as $$
    select case coalesce(jsonb_typeof(p_value), 'null') when 'null' then true
                when 'number' then case when p_value::text ~ '^-?\d{1,9}$'
                                        then p_value::text::integer between p_least and p_most else false end
                else false end
$$;
