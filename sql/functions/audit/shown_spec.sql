-- shown_spec: an endpoint's spec as an audit row shows it. Credentials belong in secrets; one that was
-- written into a header, a template or the URL's query nevertheless must not be kept as long as the audit is.
-- A value whose name looks like a credential's, and that refers to no secret, is shown as its SHA-256 and
-- size, in the URL as *** (shown_values).
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
