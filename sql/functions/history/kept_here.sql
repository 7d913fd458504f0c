-- kept_here: the relation that a sweep over [p_from, p_to) reads instead of kronos.execution_done: all of it
-- or, if weeks of that span are stored on other machines, the part that is not there: executions that did not
-- succeed, those that ended after their week had left, and the weeks before, between and after. The weeks on
-- other machines age out there (kronos migrate --distributed). Returned as text, so that the plan of the
-- statement built from it contains no foreign table.
create or replace function kronos.kept_here(p_from uuid, p_to uuid) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_all    constant text := 'kronos.execution_done';
    v_late   text;      -- late rows of each moved week, by name
    v_beside text;      -- not in any run of moved weeks
begin
    if not exists (select from pg_foreign_table) then      -- the usual case, without checking each partition
        return c_all;
    end if;
    with moved as materialized (
        select each.partition, each.from_id::text as from_id, each.to_id::text as to_id
          from kronos.moved_partitions() as each
         where each.parent = 'execution_done' and each.from_id < p_to and each.to_id > p_from
    ), begun as (
        select moved.*,
               moved.from_id is distinct from lag(moved.to_id) over (order by moved.from_id) as begins
          from moved
    ), numbered as (
        select begun.*, count(*) filter (where begun.begins) over (order by begun.from_id) as run from begun
    ), runs as (
        select min(numbered.from_id) as from_id, max(numbered.to_id) as to_id
          from numbered
         group by numbered.run
    )
    select (select string_agg(format(' union all select late.* from kronos.%I as late',
                                     moved.partition || '_late'), '' order by moved.from_id) from moved),
           (select string_agg(format(' and (beside.execution_id < %L::uuid '
                                     'or beside.execution_id >= %L::uuid)', runs.from_id, runs.to_id),
                              '' order by runs.from_id) from runs)
      into v_late, v_beside;
    if v_late is null then
        return c_all;
    end if;
    return format($sql$(select failed.* from %1$s as failed
                         where failed.status in ('FAILED', 'CANCELLED', 'EXPIRED')
                         union all
                        select beside.* from %1$s as beside
                         where beside.status in ('SUCCESS', 'SKIPPED', 'MISSED') %2$s %3$s)$sql$,
                  c_all, v_beside, v_late);
end
$$;
