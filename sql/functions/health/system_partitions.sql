-- system_partitions: the partitions of the history, for the instance's administrator, the newest week first.
-- rows: as of the last analyze; null if there was none.
create or replace function kronos.system_partitions()
returns table (history text, partition text, from_at timestamptz, until_at timestamptz, rows bigint,
               bytes bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select case part.parent when 'attempt' then 'attempts' else 'executions' end, part.partition,
           kronos.uuid7_time(part.from_id), kronos.uuid7_time(part.to_id),
           case when class.reltuples >= 0 then class.reltuples::bigint end,
           pg_total_relation_size(class.oid)
      from kronos.partitions() as part
      join pg_class as class
        on class.relnamespace = 'kronos'::regnamespace and class.relname = part.partition
     order by part.from_id desc, part.parent desc
$$;
