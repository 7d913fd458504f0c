-- drop_partitions: drop the oldest partitions in which nothing is to be kept, and the attempts of their
-- executions with them. The tables are locked ACCESS EXCLUSIVE for this. So it locks only if that is possible
-- immediately (no session ever waits behind it; forty tries, a few milliseconds apart), for one partition or
-- 10 ms, as the last step of a transaction, and finds out everything else beforehand. Lock order, as
-- everywhere: execution_done, attempt.
-- Returns: one row. partitions: of execution_done; executions: about how many were in them; is_left: there
-- may be more, or another session had the tables locked. Rows that depend on the dropped executions are left
-- to the next run.
create or replace function kronos.drop_partitions(out partitions integer, out executions bigint,
                                                  out is_left boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '10ms'
as $$
declare
    c_at_most constant integer := 16;
    v_bounds  record;
    v_old     jsonb[];      -- {partition, from_id, to_id, rows, attempts: [its partitions of attempt]}
    v_each    jsonb;
    v_until   timestamptz;
begin
    partitions := 0;
    executions := 0;
    select * into v_bounds from kronos.retention_bounds();
    with old as materialized (
        select * from kronos.old_partitions(v_bounds.drop_days, v_bounds.old, c_at_most)
    ), present as materialized (
        select * from kronos.partitions() as each where each.parent = 'attempt'
    )
    select array_agg(to_jsonb(old) || jsonb_build_object(
                         'rows', greatest((select class.reltuples
                                             from pg_class as class
                                            where class.oid = format('kronos.%I', old.partition)::regclass),
                                          0)::bigint,
                         'attempts', (select coalesce(jsonb_agg(present.partition), '[]')
                                        from present
                                       where present.from_id >= old.from_id and present.to_id <= old.to_id))
                     order by old.from_id)
      into v_old
      from old;
    is_left := v_old is not null;
    if not is_left then
        return;
    end if;
    foreach v_each in array v_old loop
        delete from kronos.attempt_default
         where execution_id >= (v_each ->> 'from_id')::uuid and execution_id < (v_each ->> 'to_id')::uuid;
        delete from kronos.attempt_late
         where execution_id >= (v_each ->> 'from_id')::uuid and execution_id < (v_each ->> 'to_id')::uuid;
    end loop;
    if not kronos.lock_history() then
        return;
    end if;
    v_until := kronos.clock() + interval '10 milliseconds';
    foreach v_each in array v_old loop
        if kronos.drop_partition(v_each, v_bounds.drop_days) then
            partitions := partitions + 1;
            executions := executions + (v_each ->> 'rows')::bigint;
        end if;
        exit when kronos.clock() > v_until;
    end loop;
end
$$;
