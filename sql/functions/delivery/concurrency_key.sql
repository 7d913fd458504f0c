-- concurrency_key: the text of an endpoint's concurrency_key for an input. p_parts: texts, and {"path": […],
-- "default": text or null} in place of values. A value that is missing or null becomes its default, or an
-- empty text. A key too long for an index becomes its digest.
create or replace function kronos.concurrency_key(p_parts jsonb, p_input jsonb) returns text
language sql immutable set search_path = pg_catalog, pg_temp
as $$
    select case when octet_length(filled.key) <= 256 then filled.key
                else 'sha256:' || encode(sha256(convert_to(filled.key, 'UTF8')), 'hex') end
      from (select string_agg(case when jsonb_typeof(part.value) = 'string' then part.value #>> '{}'
                                   else coalesce(p_input #>> array(select jsonb_array_elements_text(
                                                                              part.value -> 'path')),
                                                 part.value ->> 'default', '') end,
                              '' order by part.place) as key
              from jsonb_array_elements(p_parts) with ordinality as part (value, place)) as filled
$$;
