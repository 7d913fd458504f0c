-- shown_field: a changed field as an audit row shows it. An input or output, and any value larger than 2 kB,
-- is shown as its SHA-256 and size; credentials in an endpoint's spec or a config's values are hidden
-- (shown_spec, shown_values). Stable, like convert_to, so that PostgreSQL inlines it; otherwise each call
-- takes 60 us.
create or replace function kronos.shown_field(p_name text, p_value jsonb) returns jsonb
language sql stable parallel safe
as $$
    select case when p_value is not null and p_value <> 'null'
                 and (p_name in ('input', 'output') or pg_column_size(p_value) > 2048)
                then jsonb_build_object('sha256', encode(sha256(convert_to(p_value::text, 'UTF8')), 'hex'),
                                        'bytes', octet_length(p_value::text))
                when p_name = 'content' then kronos.shown_values(p_value)
                when p_name = 'spec' and jsonb_typeof(p_value) = 'object' then kronos.shown_spec(p_value)
                else p_value end
$$;
