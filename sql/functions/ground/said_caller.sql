-- said_caller: what kronos.caller says of who acts, where the session is one of Kronos's own: an application
-- that enqueues says nothing of the kind. A worker, and pg_cron, say who began the operation that they are
-- at. Inlined.   Returns: null where nothing is said.
create or replace function kronos.said_caller() returns jsonb
language sql stable
as $$
    select case when pg_has_role(session_user, 'kronos_api', 'member')
                  or pg_has_role(session_user, 'kronos_owner', 'member')
                  or pg_has_role(session_user, 'kronos_worker', 'member')
                  or pg_has_role(session_user, 'kronos_cron', 'member')
                then nullif(current_setting('kronos.caller', true), '')::jsonb end
$$;
