-- shown_field: a changed field as an audit row has it: an input or output, and whatever has more than 2 kB,
-- as its SHA-256 and its size; of an endpoint's spec and a config's values no credentials (shown_spec,
-- shown_values). Stable, as convert_to is: PostgreSQL inlines it so, and else takes 60 us each time.
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
