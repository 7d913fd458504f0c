-- is_text: whether a member of a JSON object is a text that matches this pattern. True if the member is
-- missing or null.
create or replace function kronos.is_text(p_value jsonb, p_pattern text) returns boolean
language sql immutable parallel safe
as $$
    select case coalesce(jsonb_typeof(p_value), 'null') when 'null' then true
                when 'string' then p_value #>> '{}' ~ p_pattern else false end
$$;
