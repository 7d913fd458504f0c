-- creator_of: who makes what is made now, as its row has it. p_caller: what is said in kronos.caller (see
-- write_audit), null where nobody who may says it: then it is who had logged in, with the trace that they say
-- (told_trace). p_made: which of the objects that requests of several callers make together. Inlined.
create or replace function kronos.creator_of(p_caller jsonb) returns jsonb
language sql stable
as $$
    select coalesce(p_caller, jsonb_build_object('actor', session_user) || kronos.told_trace())
           || jsonb_build_object('database_user', session_user)
$$;
create or replace function kronos.creator_of(p_caller jsonb, p_made uuid) returns jsonb
language sql stable
as $$
    select kronos.creator_of(case when p_caller ? 'each' then p_caller -> 'each' -> p_made::text
                                  else p_caller end)
$$;
