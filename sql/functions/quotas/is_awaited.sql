-- is_awaited: whether a transaction that uses shards of a day waits for this one, directly or through others.
-- PostgreSQL does not show which session holds a row. But a session that waits for one of our rows, in the
-- lock order, holds all below it.
create or replace function kronos.is_awaited() returns boolean
language sql volatile set search_path = pg_catalog, pg_temp
as $$
    with recursive waiting (pid) as (
        select holding.pid
          from pg_locks as holding
         where holding.locktype = 'relation'
           and holding.relation = 'kronos.quota_shards'::regclass
           and holding.database = (select oid from pg_database where datname = current_database())
           and holding.pid <> pg_backend_pid()
         union
        select unnest(pg_blocking_pids(waiting.pid)) from waiting
    )
    select pg_backend_pid() in (select pid from waiting)
$$;
