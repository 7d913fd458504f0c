-- shown_spec: the spec of an endpoint as an audit row has it. Credentials belong into secrets; where somebody
-- wrote one into a header or the URL's query all the same, it is not kept for as long as the audit is. What
-- is called like one, and names no secret, stands there as its SHA-256 and size, in the URL as ***.
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
                               as header (name, value))));
end
$$;
