-- kept_here: what a sweep over [p_from, p_to) reads in place of kronos.execution_done: all of it, or, where
-- weeks of that span lie on other machines, what is not there: what did not succeed, what ended after its
-- week had left, and the weeks before and after. Those over there age out there (kronos migrate
-- --distributed). As text, so that the statement which is made of it has no foreign table in its plan.
create or replace function kronos.kept_here(p_from uuid, p_to uuid) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_all   constant text := 'kronos.execution_done';
    v_moved record;
begin
    if not exists (select from pg_foreign_table) then      -- without a look at each partition, as nearly all
        return c_all;
    end if;
    select min(moved.from_id::text) as from_id, max(moved.to_id::text) as to_id,
           max(moved.until_at) as until_at into v_moved
      from kronos.moved_partitions() as moved
     where moved.parent = 'execution_done' and moved.from_id < p_to and moved.to_id > p_from;
    if v_moved.until_at is null then
        return c_all;
    end if;
    return format($sql$(select failed.* from %1$s as failed
                         where failed.status in ('FAILED', 'CANCELLED', 'EXPIRED')
                         union all
                        select later.* from %1$s as later
                         where later.status in ('SUCCESS', 'SKIPPED', 'MISSED')
                           and later.execution_id >= %2$L::uuid and later.execution_id < %3$L::uuid
                           and later.completed_at >= %4$L::timestamptz
                         union all
                        select beside.* from %1$s as beside
                         where beside.status in ('SUCCESS', 'SKIPPED', 'MISSED')
                           and (beside.execution_id < %2$L::uuid or beside.execution_id >= %3$L::uuid))$sql$,
                  c_all, v_moved.from_id, v_moved.to_id, v_moved.until_at);
end
$$;
