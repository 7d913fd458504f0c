-- add_partitions: the partitions of execution_done and attempt for this week and the eight after it, where
-- there are none: a week each, so that two years are 105 and not 730. The first begins where the last daily
-- one ends, which earlier releases made. Where another session has a default partition locked, it leaves off
-- at once: eight weeks ahead is time enough for a dump to end, and for kronos doctor to be asked. Default
-- partitions hold what is older than the oldest partition, or what came when none had been made. Stops 25 ms
-- after its first: the default partitions are locked until the transaction ends. So it is the last thing that
-- a transaction does. Made hourly by retain; by migrate and kronos doctor --fix until it makes none.
-- Returns: how many were made; normally 0, and 2 once a week.
create or replace function kronos.add_partitions() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
    v_missing record;
    v_until   timestamptz;
    v_made    integer := 0;
begin
    for v_missing in select * from kronos.missing_partitions(interval '8 weeks') loop
        exit when kronos.clock() > v_until;
        begin
            if kronos.add_partition(v_missing.parent, v_missing.from_at, v_missing.to_at) then
                v_made := v_made + 1;
                v_until := coalesce(v_until, kronos.clock() + interval '25 milliseconds');
            end if;
        exception
            when lock_not_available then      -- a dump, or a report: the next run finds it gone
                exit;
            -- A row of the range came to the default partition between the look and the lock; or a table of
            -- that name is there that is no partition.
            when check_violation or duplicate_table then
                null;
        end;
    end loop;
    return v_made;
end
$$;
