-- kept_here: what a sweep over [p_from, p_to) reads in place of kronos.execution_done: all of it, or, where
-- weeks of that span lie on other machines, what is not there: what did not succeed, what ended after its
-- week had left, and the weeks before, between and after. Those over there age out there (kronos migrate
-- --distributed). As text, so that the statement which is made of it has no foreign table in its plan.
create or replace function kronos.kept_here(p_from uuid, p_to uuid) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_all    constant text := 'kronos.execution_done';
    v_late   text;      -- each moved week's, by name
    v_beside text;      -- not in any run of moved weeks
begin
    if not exists (select from pg_foreign_table) then      -- without a look at each partition, as nearly all
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
