-- signs_of_sessions: which sessions are connected, and which keep others waiting.
-- Returns: one row. max_connections: without those reserved for superusers. sees_activity: whether the owner
-- can see when others' transactions began, as a superuser's `kronos migrate` grants; oldest_seconds: the age
-- of the oldest open transaction in this database, oldest: its session; nulls: there is none, or it is not
-- visible. prepared: prepared transactions, which hold their locks across restarts. waiting: sessions that
-- wait for a lock in this database, waiting_for: what the longest waits for. is_encrypted: this session;
-- is_local: it does not leave the machine.
create or replace function kronos.signs_of_sessions(
    out connections integer, out max_connections integer, out sees_activity boolean,
    out oldest_seconds double precision, out oldest text, out prepared integer,
    out prepared_seconds double precision, out waiting integer, out waiting_seconds double precision,
    out waiting_for text, out is_encrypted boolean, out is_local boolean
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    sees_activity := pg_has_role(current_user, 'pg_read_all_stats', 'usage');
    max_connections := current_setting('max_connections')::integer
                       - current_setting('superuser_reserved_connections')::integer;
    select count(*) filter (where backend.backend_type is null or backend.backend_type = 'client backend')
      into connections
      from pg_stat_activity as backend
     where backend.usesysid is not null;
    select extract(epoch from kronos.clock() - backend.xact_start),
           kronos.shown_session(backend.application_name, backend.usename, backend.pid, backend.state)
      into oldest_seconds, oldest
      from pg_stat_activity as backend
     where backend.backend_type = 'client backend' and backend.pid <> pg_backend_pid()
       and backend.datname = current_database()
     order by backend.xact_start
     limit 1;
    select count(*), extract(epoch from kronos.clock() - min(left_open.prepared))
      into prepared, prepared_seconds
      from pg_prepared_xacts as left_open
     where left_open.database = current_database();
    select count(*), extract(epoch from kronos.clock() - min(lock.waitstart)),
           (array_agg(coalesce(lock.relation::regclass::text, lock.locktype) order by lock.waitstart))[1]
      into waiting, waiting_seconds, waiting_for
      from pg_locks as lock
     where not lock.granted
       and lock.pid in (select backend.pid from pg_stat_activity as backend
                         where backend.datname = current_database());
    is_encrypted := coalesce((select secured.ssl or false
                                from pg_stat_ssl as secured where secured.pid = pg_backend_pid()), false);
    is_local := coalesce(inet_client_addr() << inet '127.0.0.0/8' or inet_client_addr() = inet '::1'
                         or inet_client_addr() = inet_server_addr(), true);
end
$$;
