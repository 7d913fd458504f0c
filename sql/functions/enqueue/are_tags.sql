-- are_tags: whether a JSON value is valid as a job's tags. plpgsql, because its plan is kept: as sql it was
-- planned for each job, which took nearly half of enqueue_fault.
create or replace function kronos.are_tags(p_tags jsonb) returns boolean
language plpgsql immutable parallel safe
as $$
begin
    return case when jsonb_typeof(p_tags) = 'array' and jsonb_array_length(p_tags) <= 20
                then not exists (select from jsonb_array_elements(p_tags) as tag (value)
                                  where jsonb_typeof(tag.value) <> 'string'
                                     or char_length(tag.value #>> '{}') not between 1 and 64
                                     or not kronos.is_seen(tag.value #>> '{}'))
                else false end;
end
$$;
