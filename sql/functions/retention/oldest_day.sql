-- oldest_day: the day, in UTC, of the oldest id that the history of executions may hold: the beginning of its
-- first partition, or an older row of the default partition. Volatile: each call checks again.
create or replace function kronos.oldest_day() returns date
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    return (least((select kronos.uuid7_time(each.from_id)
                     from kronos.partitions() as each
                    where each.parent = 'execution_done'
                    order by each.from_id
                    limit 1),
                  (select kronos.uuid7_time(done.execution_id)
                     from kronos.execution_done_default as done
                    order by done.execution_id
                    limit 1)) at time zone 'UTC')::date;
end
$$;
