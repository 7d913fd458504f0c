-- drop_partitions: drops the oldest partitions in which nothing is to be kept, and the attempts of their executions with them. The tables are locked ACCESS
-- EXCLUSIVE for it, so: only when that is to be had at once (nobody ever waits behind us; forty tries, a few milliseconds apart), for 20 ms at most, and as
-- the last thing that a transaction does. Lock order, as everywhere: execution_done, attempt.
-- Called by: retain.
-- Returns: one row. partitions: of execution_done; executions: about how many were in them; is_left: there may be more, or somebody had the tables locked; and what hung on those that
-- went is the next run's.
create or replace function kronos.drop_partitions(out partitions integer, out executions bigint, out is_left boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '10ms'
as $$
declare
    c_at_most   constant integer := 16;
    v_bounds    record;
    v_old       record;
    v_all       text[] := '{}';
    v_until     timestamptz;
    v_partition text;
begin
    partitions := 0; executions := 0;
    select * into v_bounds from kronos.retention_bounds();
    for v_old in select * from kronos.old_partitions(v_bounds.drop_days, v_bounds.old, c_at_most) loop
        v_all := v_all || v_old.partition;
        delete from kronos.attempt_default where execution_id >= v_old.from_id and execution_id < v_old.to_id;
        delete from kronos.attempt_late where execution_id >= v_old.from_id and execution_id < v_old.to_id;
    end loop;
    is_left := cardinality(v_all) > 0;
    if not is_left or not kronos.lock_history() then
        return;
    end if;
    v_until := clock_timestamp() + interval '20 milliseconds';
    for v_old in select each.* from kronos.partitions() as each where each.partition = any (v_all) order by each.from_id loop
        exit when clock_timestamp() > v_until;
        continue when not kronos.is_droppable(v_old.partition, v_old.from_id, v_old.to_id, v_bounds.drop_days);
        begin
            execute format('lock table kronos.%I in access exclusive mode nowait', v_old.partition);      -- autovacuum may have it
            executions := executions + (select greatest(reltuples, 0)::bigint from pg_class where oid = format('kronos.%I', v_old.partition)::regclass);
            execute format('drop table kronos.%I', v_old.partition);
            partitions := partitions + 1;
        exception when lock_not_available then
            continue;
        end;
        for v_partition in
            select each.partition from kronos.partitions() as each
             where each.parent = 'attempt' and each.from_id >= v_old.from_id and each.to_id <= v_old.to_id
        loop
            execute format('drop table kronos.%I', v_partition);
        end loop;
    end loop;
end
$$;
