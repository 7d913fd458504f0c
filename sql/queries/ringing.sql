-- name: get_setup
-- How pg_cron runs an entry, for the administrator. Null if only a superuser may see it, and the caller is
-- none.
select current_database()::text as database,
       case when sees.settings then current_setting('cron.database_name', true) end as served_database,
       (select extversion from pg_extension where extname = 'pg_cron') as version,
       exists (select
                 from pg_stat_activity as backend
                where backend.backend_type = 'pg_cron launcher'
                   or backend.application_name = 'pg_cron scheduler') as has_launcher,
       case when sees.settings then current_setting('cron.host', true) end as host,
       case when sees.settings
            then coalesce(current_setting('cron.use_background_workers', true), 'off') = 'on'
       end as has_background_workers,
       case when sees.settings then current_setting('hba_file') end as hba_file,
       current_setting('ssl') = 'on' as has_ssl,
       (select case when not login.rolcanlogin then 'kronos_cron has no right to log in'
                    when login.rolconnlimit = 0 then 'kronos_cron may have no connection'
                    when not has_database_privilege(login.oid, current_database(), 'connect')
                        then 'kronos_cron may not connect to this database'
               end
          from pg_roles as login
         where login.rolname = 'kronos_cron') as shut_out,
       has_column_privilege('pg_authid', 'rolpassword', 'select') as sees_passwords,
       array(select member.rolname::text
               from pg_roles as member
              where pg_has_role(to_regrole('kronos_cron'), member.oid, 'member')
                and not member.rolsuper) as groups,
       has_table_privilege('pg_hba_file_rules', 'select')
           and has_function_privilege('pg_hba_file_rules()', 'execute') as sees_rules,
       current_setting('server_version_num')::integer >= 160000 as has_patterns
  from (select pg_has_role(current_user, 'pg_read_all_settings', 'usage') as settings) as sees;

-- name: get_password
-- Whether pg_cron's login can provide a password. Only for a superuser.
select password.rolpassword is not null as has_password
  from pg_authid as password
 where password.rolname = 'kronos_cron';

-- name: list_rules
-- pg_hba.conf as PostgreSQL parses the file now, whether or not it was reloaded.
select line_number, type, database, user_name, address, netmask, auth_method, options, error
  from pg_hba_file_rules
 order by line_number;

-- name: get_heard
-- The last rings of pg_cron, for kronos_owner. seconds: null if it has never rung. failure: why the newest
-- alarms fail.
select (select extract(epoch from kronos.clock() - max(beat.rang_at))::double precision
          from kronos.heartbeats as beat
         where beat.rang_at > '-infinity'
           and beat.rang_at <= kronos.clock() + interval '5 seconds') as seconds,
       newest.last_runid, case when newest.is_newest then newest.message end as failure
  from kronos.pg_cron_failure(30) as newest;
