-- creator_shown: a one-shot's creator, as shown to every reader. Only the audit shows the address and the
-- database login (creations_among). Stable, as jsonb_build_object is, and therefore inlined.
create or replace function kronos.creator_shown(p_created_by jsonb) returns jsonb
language sql stable parallel safe
as $$
    select case when p_created_by is not null
                then jsonb_strip_nulls(jsonb_build_object('actor', p_created_by -> 'actor',
                                                          'key_id', p_created_by -> 'key',
                                                          'request_id', p_created_by -> 'request_id')) end
$$;
