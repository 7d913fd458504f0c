-- queue_health: whether deliveries are made: how many sessions workers have, and how long executions that a
-- worker could take have waited. A worker's sessions are its sign of life: they end with its process, however
-- it was killed, and cost no row. A worker that is frozen, or whose sessions a pooler keeps, still has them;
-- then the wait shows it.
-- Examines the first thousand endpoints with anything to claim, 6 buffers each. That is enough: if nothing is
-- claimed, these wait too. And it limits the cost, since callers need no key.
-- Returns: one row. waiting_endpoints: endpoints with a due execution that has waited for a worker longer
-- than p_longer_than; waiting_seconds: the longest of these waits, null if there is none. unserved_groups:
-- worker groups of endpoints whose executions have waited that long and that no connected worker serves.
create or replace function kronos.queue_health(p_longer_than interval, out worker_sessions integer,
                                               out waiting_endpoints integer,
                                               out waiting_seconds double precision,
                                               out unserved_groups text[])
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select (select count(*)::integer
              from pg_stat_activity as backend
             where backend.datname = current_database()
               and starts_with(backend.application_name, 'kronos-worker-')),
           (count(*) filter (where waiting.waits_for is null))::integer,
           extract(epoch from kronos.now()
                   - min(greatest(waiting.due_at, '1970-01-01 00:00:00+00'))
                         filter (where waiting.waits_for is null))::double precision,
           coalesce(array_agg(distinct waiting.unserved_group order by waiting.unserved_group)
                        filter (where waiting.unserved_group is not null), '{}')
      from kronos.waiting_endpoints(kronos.now() - p_longer_than, 1000,
                                    (select max(beat.waiting_from) from kronos.heartbeats as beat)) as waiting
$$;
