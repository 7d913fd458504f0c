-- old_partitions: the oldest p_limit partitions of execution_done in which nothing is to be kept: all ids are
-- below p_old, nothing in them finished within p_drop_days (a delayed job's execution may have a much older
-- id), and none of their executions is unfinished. A partition that another role owns, or whose attempts'
-- partition another role owns, cannot be dropped. It is skipped, so that it does not block the others, and
-- `kronos doctor` reports it.
create or replace function kronos.old_partitions(p_drop_days integer, p_old uuid, p_limit integer)
returns table (partition text, from_id uuid, to_id uuid)
language plpgsql stable rows 1 set search_path = pg_catalog, pg_temp
as $$
declare
    v_left integer := p_limit;
begin
    for partition, from_id, to_id in
        select each.partition, each.from_id, each.to_id
          from kronos.partitions() as each
         where each.parent = 'execution_done' and each.to_id <= p_old
           and not exists (select
                             from kronos.partitions() as foreign_one
                             join pg_class as class on class.relname = foreign_one.partition
                              and class.relnamespace = 'kronos'::regnamespace
                            where foreign_one.from_id >= each.from_id and foreign_one.to_id <= each.to_id
                              and class.relowner <> 'kronos_owner'::regrole)
         order by each.from_id
    loop
        continue when not kronos.is_droppable(partition, from_id, to_id, p_drop_days);
        return next;
        v_left := v_left - 1;
        exit when v_left <= 0;
    end loop;
end
$$;
