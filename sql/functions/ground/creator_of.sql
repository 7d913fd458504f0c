-- creator_of: the creator to store in a row created now. p_caller: the value of kronos.caller (see
-- write_audit), or null if no trusted session set it; then the creator is the logged-in role, with the trace
-- that it declares (told_trace). p_made: which of the objects, if requests of several callers create them
-- together. Inlined.
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
