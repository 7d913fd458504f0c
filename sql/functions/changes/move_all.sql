-- move_all: makes jobs follow their calendars until p_until, and always at least some jobs of one calendar;
-- calendars with the fewest jobs left come first, and then, by lot, those of which only jobs that failed or
-- were locked are left: however many these are, they keep no other from its turn. It continues what the
-- request that changed a calendar left: the workers' upkeep calls it several times per second, the reaper
-- every minute. It does nothing while the instance is held.
-- Returns: the number of jobs that still have to follow.
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
           and (move.next_at <= kronos.clock() or move.next_at > kronos.clock() + interval '1 second')
         order by case when move.next_at = '-infinity' then move.jobs_left end, random()
         limit 1000
    loop
        while kronos.move_some(v_document_id, 100) > 0 and kronos.clock() < p_until loop
        end loop;
        exit when kronos.clock() >= p_until;
    end loop;
    return (select coalesce(sum(move.jobs_left), 0) from kronos.calendar_moves as move);
end
$$;
