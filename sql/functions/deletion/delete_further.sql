-- delete_further: continues deletions of workspaces until p_until, and always performs at least one step. The
-- workers' upkeep calls it several times per second, the reaper every minute.
-- Returns: the number of deletions that are not finished.
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
         order by random()      -- so that none is starved by the others
         limit 1000
    loop
        while kronos.delete_some(v_operation_id) and kronos.clock() < p_until loop
        end loop;
        exit when kronos.clock() >= p_until;
    end loop;
    return (select count(*) from kronos.deletions where status = 'RUNNING');
end
$$;
