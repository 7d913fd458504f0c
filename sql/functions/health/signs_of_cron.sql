-- signs_of_cron: pg_cron's settings, if the owner may read them, and the limits of its role.
-- Returns: one row; nulls if the owner may not, or if this pg_cron has no such setting. installed, available:
-- the extension's versions in the database and in the server's files. running: commands in progress.
-- log_bytes: the size of cron.job_run_details at the last vacuum or analyze. limits: those of kronos_cron's
-- limits that are not set, or off, in this database.
create or replace function kronos.signs_of_cron(
    out is_visible boolean, out launches_jobs boolean, out logs_runs boolean, out is_by_workers boolean,
    out running integer, out max_running integer, out max_processes integer, out installed text,
    out available text, out log_bytes bigint, out limits text[]
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    is_visible := pg_has_role(current_user, 'pg_read_all_settings', 'usage');
    if is_visible then
        launches_jobs := current_setting('cron.launch_active_jobs', true)::boolean;
        logs_runs := current_setting('cron.log_run', true)::boolean;
        is_by_workers := current_setting('cron.use_background_workers', true)::boolean;
        max_running := current_setting('cron.max_running_jobs', true)::integer;
    end if;
    running := (select sessions.running from kronos.pg_cron_sessions() as sessions);
    max_processes := current_setting('max_worker_processes')::integer;
    select extension.extversion, files.default_version
      into installed, available
      from pg_extension as extension
      left join pg_available_extensions as files on files.name = extension.extname
     where extension.extname = 'pg_cron';
    log_bytes := (select class.relpages::bigint * 8192
                    from pg_class as class
                    join pg_namespace as space on space.oid = class.relnamespace
                   where space.nspname = 'cron' and class.relname = 'job_run_details');
    limits := array(
        select wanted.name || coalesce(' = ' || found.value, ' is not set')
          from unnest(array['lock_timeout', 'statement_timeout',
                            'idle_in_transaction_session_timeout']) as wanted (name)
          left join lateral (select substr(each, length(wanted.name) + 2) as value
                               from pg_db_role_setting as setting, unnest(setting.setconfig) as each
                              where setting.setrole = 'kronos_cron'::regrole
                                and starts_with(each, wanted.name || '=')
                                and setting.setdatabase in (0, (select oid from pg_database
                                                                 where datname = current_database()))
                              order by setting.setdatabase desc
                              limit 1) as found on true
         where coalesce(found.value, '0') ~ '^0(ms|s|min)?$');
end
$$;
