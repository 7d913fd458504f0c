-- signs_of_tables: our tables that are not as they should be: a crash would empty one (UNLOGGED; some are
-- meant to be), autovacuum skips one (UNVACUUMED), one has p_rows or more but no statistics yet (UNKNOWN),
-- one has p_bytes or more and twenty times what its rows need (BLOATED). Includes partitions, but not their
-- sizes. Sizes are those of the last vacuum or analyze.
-- Returns: one row per table and fault.
create or replace function kronos.signs_of_tables(p_rows bigint, p_bytes bigint)
returns table (name text, fault text, live bigint, bytes bigint)
language sql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
    select class.relname::text, judged.fault, coalesce(stats.n_live_tup, 0), size.bytes
      from pg_class as class
      left join pg_stat_user_tables as stats on stats.relid = class.oid
     -- not pg_table_size, which waits for any session that has locked the table
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
