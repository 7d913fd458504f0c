-- shown_session: a session as people find it in pg_stat_activity: its application, role, process and state.
create or replace function kronos.shown_session(p_application text, p_role name, p_pid integer, p_state text)
returns text
language sql immutable set search_path = pg_catalog, pg_temp
as $$
    select format('%s of %s, process %s%s', coalesce(nullif(p_application, ''), 'a session'), p_role, p_pid,
                  ', ' || p_state)
$$;
