-- delete_further: goes on with the deletions of workspaces until p_until, and with one step of one in any
-- case. The workers' upkeep does it several times a second, the reaper each minute.
-- Returns: how many are not at their end.
create or replace function kronos.delete_further(p_until timestamptz) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_operation_id uuid;
begin
    if not exists (select from kronos.deletions where status = 'RUNNING') then
        return 0;
    end if;
    for v_operation_id in
        select deletion.operation_id
          from kronos.deletions as deletion
         where deletion.status = 'RUNNING' and deletion.next_at <= kronos.clock()
         order by random()      -- none waits for ever behind the others
         limit 1000
    loop
        while kronos.delete_some(v_operation_id) and kronos.clock() < p_until loop
        end loop;
        exit when kronos.clock() >= p_until;
    end loop;
    return (select count(*) from kronos.deletions where status = 'RUNNING');
end
$$;
