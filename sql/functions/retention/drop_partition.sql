-- drop_partition: one step of drop_partitions, which holds the tables locked. Checks again, because the first
-- check was without a lock, then drops the partition and the partitions of its attempts.
-- Returns: whether it was dropped. It is not if there is something to keep by now, or if another session
-- (autovacuum) has it locked.
create or replace function kronos.drop_partition(p_old jsonb, p_drop_days integer) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '10ms'
as $$
declare
    v_partition text;
begin
    if not kronos.is_droppable(p_old ->> 'partition', (p_old ->> 'from_id')::uuid, (p_old ->> 'to_id')::uuid,
                               p_drop_days) then
        return false;
    end if;
    for v_partition in
        select p_old ->> 'partition'
         union all
        select jsonb_array_elements_text(p_old -> 'attempts')
    loop
        execute format('lock table kronos.%I in access exclusive mode nowait', v_partition);
        execute format('drop table kronos.%I', v_partition);
    end loop;
    return true;
exception when lock_not_available then
    return false;
end
$$;
