-- store_calendar: stores the compiled row of a calendar's version that was just written (kronos.calendars).
-- From the commit on it applies to every tick that is not accounted for, and the jobs that name it follow
-- (begin_move).
-- Returns: the number of jobs that still have to follow.
-- Raises: KR004 if the time zone does not exist.
create or replace function kronos.store_calendar(p_document_id uuid, p_workspace_id uuid, p_name text,
                                                 p_version integer, p_compiled jsonb) returns integer
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    insert into kronos.calendars as calendar (document_id, workspace_id, name, version, timezone, closed_week,
                                              froms, tos, names, are_open)
    select p_document_id, p_workspace_id, p_name, p_version, kronos.check_zone(given.timezone),
           given.closed_week, given.froms, given.tos, given.names, given.are_open
      from jsonb_to_record(p_compiled) as given (timezone text, closed_week int4multirange, froms timestamp[],
                                                 tos timestamp[], names text[], are_open boolean[])
        on conflict (document_id) do update
       set version = excluded.version, timezone = excluded.timezone, closed_week = excluded.closed_week,
           froms = excluded.froms, tos = excluded.tos, names = excluded.names, are_open = excluded.are_open;
    return case when p_version > 1 then kronos.begin_move(p_document_id) else 0 end;
end
$$;
