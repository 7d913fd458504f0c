-- add_partitions: creates the missing partitions of execution_done and attempt for this week and the next
-- eight. One per week, so that two years take 105 and not 730. The first one begins where the last daily
-- partition of earlier releases ends.
-- If another session has locked a default partition, it stops immediately: eight weeks are enough time for a
-- dump to end and for an operator to run kronos doctor. Default partitions hold rows older than the oldest
-- partition, or rows written while none existed.
-- It also stops 25 ms after its first partition, because the default partitions stay locked until the
-- transaction ends. For the same reason it must be the last call in a transaction. retain runs it hourly;
-- migrate and kronos doctor --fix run it until it creates none.
-- Returns: how many were created; normally 0, and 2 once a week.
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
            when lock_not_available then      -- a dump or a report: the next run tries again
                exit;
            -- A row of the range reached the default partition between the check and the lock; or a table of
            -- that name exists that is not a partition.
            when check_violation or duplicate_table then
                null;
        end;
    end loop;
    return v_made;
end
$$;
