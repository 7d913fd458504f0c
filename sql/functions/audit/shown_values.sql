-- shown_values: a template, or a config's values, as an audit row shows them. A value whose name looks like a
-- credential's, and that refers to no secret, is shown as its SHA-256 and size. So is a text that contains
-- such a name and a value (token=…, "password": …), and anything nested deeper than ten levels.
create or replace function kronos.shown_values(p_value jsonb, p_is_called boolean default false,
                                               p_level integer default 0)
returns jsonb
language plpgsql stable parallel safe
as $$
declare
    c_called constant text := 'auth|cookie|credential|key|passw|secret|sig|token';
    v_text   constant text := p_value #>> '{}';
begin
    if p_level < 10 and jsonb_typeof(p_value) = 'object' then
        return (select coalesce(jsonb_object_agg(member.key, kronos.shown_values(member.value,
                                                                                 member.key ~* c_called,
                                                                                 p_level + 1)), '{}')
                  from jsonb_each(p_value) as member);
    elsif p_level < 10 and jsonb_typeof(p_value) = 'array' then
        return (select coalesce(jsonb_agg(kronos.shown_values(element.value, p_is_called, p_level + 1)
                                          order by element.nth), '[]')
                  from jsonb_array_elements(p_value) with ordinality as element (value, nth));
    elsif jsonb_typeof(p_value) in ('object', 'array')
       or p_is_called and jsonb_typeof(p_value) <> 'boolean' and v_text !~ '\{\{\s*secret\.'
       or v_text ~* ('(' || c_called || ')[^=:,;&{}\s]{0,40}\s*[=:]') then
        return kronos.shown_field('input', p_value);
    end if;
    return p_value;
end
$$;
