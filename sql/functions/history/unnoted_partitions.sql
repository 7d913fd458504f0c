-- unnoted_partitions: the partitions of executions whose rows are missing in kronos.history_weeks, because
-- they were attached, for example restored from a backup, after retention removed their weeks. Checks the
-- first hundred (workspace, status) of each, by index. A partition before the time from which weeks are noted
-- is read by every list anyway. Locks are released when a partition is done (as in finished_among).
create or replace function kronos.unnoted_partitions() returns setof text
language plpgsql stable rows 5 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    c_pairs constant integer := 100;
    v_partition record;
    v_is_noted  boolean;
begin
    for v_partition in
        select each.partition, each.from_id, each.to_id,
               date_trunc('week', kronos.uuid7_time(each.from_id) at time zone 'UTC')::date as from_week,
               (kronos.uuid7_time(each.to_id) at time zone 'UTC')::date as to_day
          from kronos.partitions() as each
         where each.parent = 'execution_done'
           and kronos.uuid7_time(each.from_id) >= kronos.weeks_noted_from()
           -- on other machines: the notes written here before it was moved still exist
           and each.partition not in (select moved.partition from kronos.moved_partitions() as moved)
         order by each.from_id
    loop
        begin
            with recursive pair as (
                (select done.workspace_id, done.status, 1 as nth
                   from kronos.execution_done as done
                  where done.execution_id >= v_partition.from_id and done.execution_id < v_partition.to_id
                  order by done.workspace_id, done.status
                  limit 1)
                union all
                select later.workspace_id, later.status, pair.nth + 1
                  from pair
                 cross join lateral (select done.workspace_id, done.status
                                       from kronos.execution_done as done
                                      where done.execution_id >= v_partition.from_id
                                        and done.execution_id < v_partition.to_id
                                        and (done.workspace_id, done.status) > (pair.workspace_id,
                                                                                pair.status)
                                      order by done.workspace_id, done.status
                                      limit 1) as later
                 where pair.nth < c_pairs
            )
            select coalesce(bool_and(exists (select
                                               from kronos.history_weeks as noted
                                              where noted.subject_id = pair.workspace_id
                                                and noted.status = pair.status
                                                and noted.week >= v_partition.from_week
                                                    and noted.week < v_partition.to_day)),
                                                    true)
              into v_is_noted
              from pair;
            raise sqlstate 'KR020' using message = 'the partition is done: its locks are released';
        exception when sqlstate 'KR020' then
            if not v_is_noted then
                return next v_partition.partition;
            end if;
        end;
    end loop;
end
$$;
