-- refusal_of: the error that a job met, for people: code, detail. Messages that are not Kronos's own are
-- hidden.
create or replace function kronos.refusal_of(p_sqlstate text, p_message text) returns jsonb
language sql immutable
return jsonb_build_object(
    'code', case p_sqlstate when 'KR035' then 'job_in_use'
                            when 'KR040' then 'quota_exceeded'
                            when 'KR041' then 'quota_exceeded'
                            else case when p_sqlstate like 'KR%' then 'conflict'
                                      else 'internal_error' end end,
    'detail', case when p_sqlstate like 'KR%' then left(p_message, 300)
                   else format('PostgreSQL rejected the change (%s)', p_sqlstate) end);
