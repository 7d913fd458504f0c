-- refusal_of: what an error says of the job that met it, to people: code, detail. What is not Kronos's own is
-- not theirs to read.
create or replace function kronos.refusal_of(p_sqlstate text, p_message text) returns jsonb
language sql immutable
return jsonb_build_object(
    'code', case p_sqlstate when 'KR035' then 'job_in_use'
                            when 'KR040' then 'quota_exceeded'
                            when 'KR041' then 'quota_exceeded'
                            else case when p_sqlstate like 'KR%' then 'conflict'
                                      else 'internal_error' end end,
    'detail', case when p_sqlstate like 'KR%' then left(p_message, 300)
                   else format('PostgreSQL refused it (%s)', p_sqlstate) end);
