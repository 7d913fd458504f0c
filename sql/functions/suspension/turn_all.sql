-- turn_all: let jobs follow their workspaces until p_until, and at least some of one: the workspaces with the
-- fewest jobs to do first, and then, by lot, those of which jobs have failed or were locked: however many
-- these are, they keep no other from its turn. It continues the work that the request left: the workers'
-- upkeep calls it several times a second, the reaper each minute. Does nothing while the instance is held.
-- Returns: how many jobs have yet to follow.
create or replace function kronos.turn_all(p_until timestamptz) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_workspace_id uuid;
begin
    if not exists (select from kronos.turns) then
        return 0;
    end if;
    for v_workspace_id in
        select turn.workspace_id
          from kronos.turns as turn
         where kronos.is_turns_time(turn) and not kronos.is_held()
         order by case when turn.next_at = '-infinity' then turn.steps_left end, random()
         limit 1000
    loop
        while kronos.turn_some(v_workspace_id, 200) > 0 and kronos.clock() < p_until loop
        end loop;
        exit when kronos.clock() >= p_until;
    end loop;
    return (select coalesce(sum(kronos.jobs_left(turn.workspace_id)), 0) from kronos.turns as turn);
end
$$;
