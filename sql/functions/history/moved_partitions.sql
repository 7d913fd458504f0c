-- moved_partitions: the weeks of execution_done and attempt whose rows are stored on other machines (kronos
-- migrate --distributed), with the bounds of their ids. until_at: executions that ended later are stored
-- here.
create or replace function kronos.moved_partitions()
returns table (parent text, partition text, from_id uuid, to_id uuid, until_at timestamptz)
language sql stable rows 100 set search_path = pg_catalog, pg_temp
as $$
    select each.parent, each.partition, each.from_id, each.to_id,
           (regexp_match(pg_get_expr(far.relpartbound, far.oid), $re$TO \('(.*)'\)$re$))[1]::timestamptz
      from kronos.partitions() as each
      join pg_class as far on far.relname = each.partition || '_far' and far.relkind = 'f'
     where far.relnamespace = 'kronos'::regnamespace and far.relispartition
$$;
