-- system_status: the instance's status as its administrator may see it over the API: what rings, what is
-- overdue, which workers run, and which rules zones are read with.
-- Returns: one row. overdue_jobs: up to 10,000. The cost does not depend on the number of jobs, present or
-- past.
create or replace function kronos.system_status(
    out postgresql_version text, out pg_cron_version text, out pg_cron_silent_seconds double precision,
    out internal_jobs integer, out internal_entries integer, out has_launcher boolean,
    out overdue_jobs integer, out overdue_seconds double precision, out worker_sessions integer,
    out cron_timezone text, out match_dom_and_dow text, out zones_changed_at timestamptz,
    out alarm_failure text, out waiting_endpoints integer, out waiting_seconds double precision,
    out unserved_groups text[]
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    -- catch-up rings every minute. Read once: an index cannot be used with a bound that changes.
    v_before constant timestamptz := kronos.clock() - kronos.grace() - interval '60 seconds';
begin
    postgresql_version := current_setting('server_version');
    select health.extension_version, health.silent_seconds, health.internal_jobs, health.internal_entries,
           health.alarm_failure
      into pg_cron_version, pg_cron_silent_seconds, internal_jobs, internal_entries, alarm_failure
      from kronos.pg_cron_health() as health;
    select coalesce(bool_or(backend.backend_type = 'pg_cron launcher'
                            or backend.application_name = 'pg_cron scheduler'), false),
           count(*) filter (where backend.datname = current_database()
                            and starts_with(backend.application_name, 'kronos-worker-'))
      into has_launcher, worker_sessions
      from pg_stat_activity as backend;
    select count(*), extract(epoch from kronos.clock() - kronos.finite(min(due.next_tick_at)))
      into overdue_jobs, overdue_seconds
      from (select pointer.next_tick_at
              from kronos.pointers as pointer
             where pointer.is_awaited
               and pointer.next_tick_at >= (select floor.lowest_at from kronos.pointers_floor as floor)
               and pointer.next_tick_at < v_before
             order by pointer.next_tick_at
             limit 10000) as due;
    select queue.waiting_endpoints, queue.waiting_seconds, queue.unserved_groups
      into waiting_endpoints, waiting_seconds, unserved_groups
      from kronos.queue_health('60 seconds') as queue;
    if pg_has_role(current_user, 'pg_read_all_settings', 'usage') then
        cron_timezone := current_setting('cron.timezone', true);
        match_dom_and_dow := current_setting('cron.match_dom_and_dow', true);
    end if;
    select max(zone.changed_at) into zones_changed_at from kronos.zones as zone;
end
$$;
