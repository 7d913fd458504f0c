-- creator_shown: who made a one-shot, as every reader of it is shown. From which address, and who had logged
-- in to the database, the audit alone says (creations_among). Inlined.
create or replace function kronos.creator_shown(p_created_by jsonb) returns jsonb
language sql immutable parallel safe
as $$
    select case when p_created_by is not null
                then jsonb_strip_nulls(jsonb_build_object('actor', p_created_by -> 'actor',
                                                          'key_id', p_created_by -> 'key',
                                                          'request_id', p_created_by -> 'request_id')) end
$$;
