-- follow_calendars: after a change of a time zone's rules, makes the jobs that move closed ticks follow the
-- calendars of that zone, in whatever zone the jobs are: their pointers are where the previous rules put
-- them. They follow in steps (move_some). A calendar whose jobs are following already, or that another
-- session is changing, is left for the next call. It begins with calendars until p_until, and at least one,
-- in random order.
-- Returns: how many calendars jobs begin to follow.
create or replace function kronos.follow_calendars(p_timezone text, p_until timestamptz) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
declare
    v_calendar kronos.calendars;
    v_begun    integer := 0;
begin
    for v_calendar in
        select calendar.*
          from kronos.calendars as calendar
         where calendar.timezone = p_timezone
           and not exists (select from kronos.calendar_moves as move
                            where move.document_id = calendar.document_id)
         order by random()
    loop
        begin
            insert into kronos.calendar_moves (document_id, workspace_id, name, version, jobs_left)
            select v_calendar.document_id, v_calendar.workspace_id, v_calendar.name, v_calendar.version,
                   counted.jobs
              from (select kronos.jobs_of_calendar(v_calendar.workspace_id, v_calendar.name) as jobs)
                       as counted
             where counted.jobs > 0
                on conflict (document_id) do nothing;
            v_begun := v_begun + found::integer;
        exception when lock_not_available or foreign_key_violation then
            continue;      -- another session changes or deletes the calendar
        end;
        exit when kronos.clock() >= p_until;
    end loop;
    return v_begun;
end
$$;
