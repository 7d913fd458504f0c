-- pg_cron_sessions: what can be known about pg_cron immediately, long before its silence shows. Every role
-- can see the names of sessions. Running commands are visible only if pg_cron connects for them, as it does
-- by default.
-- Returns: one row. has_launcher: it runs, for any database; is_elsewhere: it runs for another database and
-- has not rung in this one since PostgreSQL started; running: how many commands it runs, including ours.
create or replace function kronos.pg_cron_sessions(out has_launcher boolean, out is_elsewhere boolean,
                                                   out running integer)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select count(*) filter (where backend.is_launcher) > 0,
           count(*) filter (where backend.is_launcher) > 0
           and not coalesce(bool_or(backend.is_launcher and backend.datname = current_database()), false)
           and not exists (select
                             from kronos.heartbeats as beat
                            where beat.rang_at >= pg_postmaster_start_time()),
           (count(*) filter (where backend.is_command))::integer
      from (select activity.datname,
                   activity.application_name = 'pg_cron scheduler'
                   or coalesce(activity.backend_type = 'pg_cron launcher', false) as is_launcher,
                   activity.application_name = 'pg_cron'
                   or coalesce(activity.backend_type = 'pg_cron', false) as is_command
              from pg_stat_activity as activity) as backend
$$;
