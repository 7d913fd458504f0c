-- is_droppable: whether nothing in a partition of execution_done finished within p_drop_days, and none of its
-- executions is unfinished. old_partitions calls it, and drop_partition again under the lock. A summary per
-- 64 pages (execution_done_ended) answers it, so the partition itself is not read. Nor are other machines:
-- for a week that is stored there, moved_partitions records when its newest execution ended, because the
-- tables' locks are held during this check.
create or replace function kronos.is_droppable(p_partition text, p_from uuid, p_to uuid, p_drop_days integer)
returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_has_late boolean;
begin
    if exists (select from kronos.execution_live as live
                where live.execution_id >= p_from and live.execution_id < p_to) then
        return false;
    end if;
    if exists (select from pg_foreign_table)
       and exists (select from kronos.moved_partitions() as moved
                    where moved.partition = p_partition
                      and moved.until_at > kronos.now() - make_interval(days => p_drop_days)) then
        return false;
    end if;
    execute format('select exists (select from kronos.%I where completed_at >= $1)', p_partition)
       into v_has_late
      using kronos.now() - make_interval(days => p_drop_days);
    return not v_has_late;
end
$$;
