-- move_all: has jobs follow their calendars until p_until, and some of one in any case: the calendars with
-- the fewest to do first. What the request that changed a calendar left goes on here: the workers' upkeep
-- does it several times a second, the reaper each minute. Not while the instance is held.
-- Returns: how many jobs have still to follow.
create or replace function kronos.move_all(p_until timestamptz) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_document_id uuid;
begin
    if not exists (select from kronos.calendar_moves) then
        return 0;
    end if;
    for v_document_id in
        select move.document_id
          from kronos.calendar_moves as move
         where not kronos.is_held()
         order by move.jobs_left
         limit 1000
    loop
        while kronos.move_some(v_document_id, 100) > 0 and kronos.clock() < p_until loop
        end loop;
        exit when kronos.clock() >= p_until;
    end loop;
    return (select coalesce(sum(move.jobs_left), 0) from kronos.calendar_moves as move);
end
$$;
