-- signs_of_blockers: which session keeps others waiting, and which of Kronos's own does not answer. Both
-- are visible while each wait is short: those who wait give up after lock_timeout, and the lock stays.
-- Returns: one row. blocked: sessions of this database that wait for a lock now; blocker: the session that
-- has been in its transaction the longest among those that block them and wait for none, blocking_seconds:
-- for how long. stuck: sessions of the API, of workers and of alarms that have been in one statement, or
-- idle in a transaction, for longer than p_stuck; PostgreSQL ends both after 30 s at most, unless the
-- process is stopped. stuck_session: the first of them, stuck_pid: its process, stuck_seconds: for how
-- long. Nulls: there is none, or the owner may not see it.
create or replace function kronos.signs_of_blockers(
    p_stuck interval, out blocked integer, out blocker text, out blocking_seconds double precision,
    out stuck integer, out stuck_session text, out stuck_pid integer, out stuck_seconds double precision
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_waiting integer[] := array(
        select distinct lock.pid
          from pg_locks as lock
          join pg_stat_activity as backend on backend.pid = lock.pid
         where not lock.granted and backend.datname = current_database()
    );
begin
    blocked := cardinality(v_waiting);
    if blocked > 0 then
        select kronos.shown_session(backend.application_name, backend.usename, backend.pid, backend.state),
               extract(epoch from kronos.clock() - backend.xact_start)
          into blocker, blocking_seconds
          from (select distinct blocking.pid
                  from unnest(v_waiting) as waiting (pid)
                 cross join lateral unnest(pg_blocking_pids(waiting.pid)) as blocking (pid)) as first
          join pg_stat_activity as backend on backend.pid = first.pid
         where first.pid <> all (v_waiting) and backend.xact_start is not null
         order by backend.xact_start
         limit 1;
    end if;
    select count(*) over (),
           kronos.shown_session(backend.application_name, backend.usename, backend.pid, backend.state),
           backend.pid, extract(epoch from kronos.clock() - since.at)
      into stuck, stuck_session, stuck_pid, stuck_seconds
      from pg_stat_activity as backend
     cross join lateral (select case when backend.state = 'active' then backend.query_start
                                     when backend.state <> 'idle'  then backend.state_change
                                end as at) as since
     where backend.datname = current_database()
       and backend.pid <> pg_backend_pid()
       and (backend.application_name ~ '^kronos-(api|worker)' or backend.usename = 'kronos_cron')
       and since.at < kronos.clock() - p_stuck
     order by since.at
     limit 1;
    stuck := coalesce(stuck, 0);
end
$$;
