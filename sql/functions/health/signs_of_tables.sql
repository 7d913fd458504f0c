-- signs_of_tables: tables of ours that are not as they have to be: a crash would leave nothing of one
-- (UNLOGGED; some are made so), autovacuum passes over one (UNVACUUMED), one has p_rows or more and its
-- statistics were never taken (UNKNOWN), one has p_bytes or more, twenty times what its rows need (BLOATED).
-- Partitions too, but for their sizes; a size is as vacuum or analyze saw it last.
-- Returns: a row for each table and fault.
create or replace function kronos.signs_of_tables(p_rows bigint, p_bytes bigint)
returns table (name text, fault text, live bigint, bytes bigint)
language sql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
    select class.relname::text, judged.fault, coalesce(stats.n_live_tup, 0), size.bytes
      from pg_class as class
      left join pg_stat_user_tables as stats on stats.relid = class.oid
     -- not pg_table_size, which waits for whoever holds the table
     cross join lateral (select case when not class.relispartition
                                     then class.relpages::bigint * 8192 end as bytes) as size
     cross join lateral (values ('UNLOGGED',
                                 class.relpersistence = 'u'
                                 and class.relname not in ('live_changes', 'live_watches', 'live_marks',
                                                           'live_origin', 'request_rates')),
                                ('UNVACUUMED',
                                 exists (select from unnest(class.reloptions) as option
                                          where option ~ '^autovacuum_enabled=(false|off|no|0)$')),
                                ('UNKNOWN', stats.n_live_tup >= p_rows and class.reltuples < 0),
                                ('BLOATED', size.bytes >= p_bytes
                                            and size.bytes > 20 * 2048 * greatest(stats.n_live_tup, 1))
                        ) as judged (fault, is_so)
     where class.relnamespace = 'kronos'::regnamespace and class.relkind = 'r' and judged.is_so
     order by 2, 1
$$;
