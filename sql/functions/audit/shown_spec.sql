-- shown_spec: the spec of an endpoint as an audit row has it. Credentials belong into secrets; where somebody
-- wrote one into a header, a template or the URL's query all the same, it is not kept for as long as the
-- audit is. What is called like one, and names no secret, stands there as its SHA-256 and size, in the URL
-- as *** (shown_values).
create or replace function kronos.shown_spec(p_spec jsonb) returns jsonb
language plpgsql stable parallel safe
as $$
declare
    c_called constant text := 'auth|cookie|credential|key|passw|secret|sig|token';
begin
    return p_spec || jsonb_strip_nulls(jsonb_build_object(
        'url', regexp_replace(p_spec ->> 'url',
                              '([?&][^=&#]*(' || c_called || ')[^=&#]*=)(?![^&#]*\{\{)[^&#]+', '\1***', 'gi'),
        'headers', (select jsonb_object_agg(
                               header.name,
                               case when header.name ~* c_called and header.value::text !~ '\{\{\s*secret\.'
                                    then kronos.shown_field('input', header.value) else header.value end)
                      from jsonb_each(case jsonb_typeof(p_spec -> 'headers')
                                           when 'object' then p_spec -> 'headers' end)
                               as header (name, value))))
        || (select coalesce(jsonb_object_agg(template.key, kronos.shown_values(template.value)), '{}')
              from jsonb_each(p_spec) as template
             where template.key in ('body_template', 'value_template', 'fields_template'));
end
$$;
