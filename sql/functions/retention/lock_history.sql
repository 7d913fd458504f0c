-- lock_history: lock execution_done, then attempt, with their default partitions, for a change of their
-- partitions. Never queues: a session that waits for such a lock makes all others wait behind it.
-- Returns: whether it has the locks, until the transaction ends.
create or replace function kronos.lock_history() returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    for v_try in 1 .. 40 loop
        begin
            lock table only kronos.execution_done, only kronos.execution_done_default, only kronos.attempt,
                only kronos.attempt_default
                in access exclusive mode nowait;
            return true;
        exception when lock_not_available then
            perform pg_sleep(0.002 + 0.01 * random());
        end;
    end loop;
    return false;
end
$$;
