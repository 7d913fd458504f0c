-- keys_of_partitions: the names of the primary keys that hold for every row of a partitioned table, because
-- each of its local partitions has one, its own or its table's (key_partition).
create or replace function kronos.keys_of_partitions() returns setof text
language sql stable rows 2 set search_path = pg_catalog, pg_temp
as $$
    select class.relname || '_pkey'
      from pg_class as class
     where class.relnamespace = 'kronos'::regnamespace and class.relkind = 'p' and not class.relispartition
       and not exists (select
                         from pg_partition_tree(class.oid) as leaf
                         join pg_class as held on held.oid = leaf.relid and held.relkind = 'r'
                        where not exists (select from pg_index
                                           where indrelid = leaf.relid and indisprimary and indisvalid))
$$;
