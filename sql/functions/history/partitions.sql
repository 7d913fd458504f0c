-- partitions: the partitions of execution_done and attempt that hold a range of ids, with the bounds; without
-- the default ones.
create or replace function kronos.partitions()
returns table (parent text, partition text, from_id uuid, to_id uuid)
language sql stable rows 250 set search_path = pg_catalog, pg_temp
as $$
    select parent.relname::text, child.relname::text, bounds.told[1]::uuid, bounds.told[2]::uuid
      from pg_inherits as kinship
      join pg_class as parent on parent.oid = kinship.inhparent
      join pg_class as child on child.oid = kinship.inhrelid
     cross join lateral (select regexp_match(pg_get_expr(child.relpartbound, child.oid),
                                             $re$FROM \('(.*)'\) TO \('(.*)'\)$re$)
                             offset 0) as bounds (told)      -- evaluated once per row, not per use
     where parent.relnamespace = 'kronos'::regnamespace
       and parent.relname in ('execution_done', 'attempt')
       and bounds.told is not null
$$;
