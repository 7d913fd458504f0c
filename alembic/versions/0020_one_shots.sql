alter table kronos.execution_live drop constraint execution_live_job_fkey;      -- require_job takes its place
create index execution_live_one_shots on kronos.execution_live (endpoint_id, (scheduled_at = created_at), created_at, execution_id)
    where job_id = execution_id;
-- No row that is there is of this index, and building it over history would let deliveries wait. So it is
-- made in the partitions to come, in the default one, and in the present week's while that is small enough to
-- be read in a moment; where it is not made, one-shots that finish until the week is over are found by
-- execution_done_newest. What add_partition makes has it.
create index execution_done_one_shots on only kronos.execution_done (endpoint_id, (scheduled_at = created_at), created_at, execution_id)
    where job_id = execution_id;
do $$
declare
    c_small constant bigint := 268435456;      -- bytes
    v_partition record;
begin
    for v_partition in
        select child.oid::regclass as relation
          from pg_inherits as kinship
          join pg_class as child on child.oid = kinship.inhrelid
         cross join lateral (select (regexp_match(pg_get_expr(child.relpartbound, child.oid), $re$TO \('(.*)'\)$re$))[1]::uuid as id) as upper_bound
         where kinship.inhparent = 'kronos.execution_done'::regclass
           and (upper_bound.id is null
                or left(replace(upper_bound.id::text, '-', ''), 12) collate "C" > lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0'))
           and pg_relation_size(child.oid) < c_small
    loop
        execute format('create index on %s (endpoint_id, (scheduled_at = created_at), created_at, execution_id) where job_id = execution_id',
                       v_partition.relation);
        execute (select format('alter index kronos.execution_done_one_shots attach partition %s', made.indexrelid::regclass)
                   from pg_index as made
                  where made.indrelid = v_partition.relation
                  order by made.indexrelid desc
                  limit 1);
    end loop;
end
$$;
