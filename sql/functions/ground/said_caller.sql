-- said_caller: the caller in kronos.caller, if the session belongs to Kronos; an application that enqueues
-- has none. Workers and pg_cron set it to the caller that began the operation they work on. Inlined.
-- Returns: null if nothing is set.
create or replace function kronos.said_caller() returns jsonb
language sql stable
as $$
    select case when pg_has_role(session_user, 'kronos_api', 'member')
                  or pg_has_role(session_user, 'kronos_owner', 'member')
                  or pg_has_role(session_user, 'kronos_worker', 'member')
                  or pg_has_role(session_user, 'kronos_cron', 'member')
                then nullif(current_setting('kronos.caller', true), '')::jsonb end
$$;
