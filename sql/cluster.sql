-- Roles, schema and the extension: once per cluster, by `kronos migrate` with an administrator's connection,
-- in cron.database_name. Steps that are already done are skipped, so that an administrator without superuser
-- rights can run it after a DBA has created the extension. Everything after this file is owned by
-- kronos_owner, or by kronos_cron if it uses pg_cron's privilege.
do $$
declare
    v_has_set_option constant boolean := current_setting('server_version_num')::integer >= 160000;
    v_lends_connect  constant boolean := has_database_privilege(current_database(),
                                                                'connect with grant option');
    v_role           text;
    v_name           text;
    v_value          text;
    v_restorer       regrole;
begin
    if to_regrole('kronos_owner') is null then
        create role kronos_owner nologin;
    end if;
    -- login without a password: pg_cron runs an entry as the role that scheduled it, and every firing of a
    -- nologin role fails.
    if to_regrole('kronos_cron') is null then
        create role kronos_cron login;
    end if;
    if to_regrole('kronos_api') is null then
        create role kronos_api login;
    end if;
    if to_regrole('kronos_worker') is null then
        create role kronos_worker login;
    end if;
    if not (select rolcanlogin from pg_roles where rolname = 'kronos_cron') then
        alter role kronos_cron login;
    end if;
    if not has_database_privilege('kronos_cron', current_database(), 'connect') and v_lends_connect then
        execute format('grant connect on database %I to kronos_cron', current_database());
    end if;
    -- API and workers log in as these roles, or as a role that can become them. If no such role is left, the
    -- roles themselves may log in again.
    foreach v_role in array array['kronos_api', 'kronos_worker'] loop
        if not exists (select from pg_roles as login
                        where login.rolcanlogin
                          and not login.rolsuper
                          and has_database_privilege(login.oid, current_database(), 'connect')
                          and pg_has_role(login.oid, v_role,
                                          case when v_has_set_option then 'set' else 'member' end)) then
            execute format('alter role %I login', v_role);
            if v_lends_connect then
                execute format('grant connect on database %I to %I', current_database(), v_role);
            end if;
        end if;
    end loop;
    -- Row level security must confine these roles. Only a superuser can take these attributes away.
    if (select rolsuper from pg_roles where rolname = current_user) then
        for v_role in
            select rolname from pg_roles
             where rolname in ('kronos_owner', 'kronos_cron', 'kronos_api', 'kronos_worker')
               and (rolsuper or rolbypassrls)
        loop
            execute format('alter role %I nosuperuser nobypassrls', v_role);
        end loop;
    end if;
    -- Objects are created as kronos_owner and as kronos_cron, so the migrating role must be able to become
    -- both. A superuser is. Before PostgreSQL 16 every CREATEROLE user may grant itself that membership. From
    -- 16 on only a role with ADMIN on the role may, such as its creator, and the grant does not include SET
    -- or INHERIT: a "member" may not be able to become the role.
    foreach v_role in array array['kronos_owner', 'kronos_cron'] loop
        if v_has_set_option
        and not (pg_has_role(current_user, v_role, 'set') and pg_has_role(current_user, v_role, 'usage')) then
            execute format('grant %I to %I with set true, inherit true', v_role, current_user);
        elsif not pg_has_role(current_user, v_role, 'member') then
            execute format('grant %I to %I', v_role, current_user);
        end if;
    end loop;
    if not exists (select from pg_extension where extname = 'pg_cron') then
        create extension pg_cron;
    end if;
    if to_regnamespace('kronos') is null then
        create schema kronos authorization kronos_owner;
    end if;
    -- A dump that was restored without these roles belongs to the restoring role, and lacks everything that
    -- names them: policies and grants, which the migration creates again. Functions of kronos_cron become its
    -- own again when they are replaced.
    v_restorer := (select nullif(nspowner::regrole, 'kronos_owner'::regrole)
                     from pg_namespace
                    where nspname = 'kronos');
    if v_restorer is not null then
        alter schema kronos owner to kronos_owner;
        for v_name in
            select case class.relkind
                        when 'v' then 'view '
                        when 'c' then 'type '
                        when 'S' then 'sequence '
                        when 'f' then 'foreign table '
                        else 'table ' end || class.oid::regclass
              from pg_class as class
             where class.relnamespace = 'kronos'::regnamespace
               and class.relowner = v_restorer
               and class.relkind in ('r', 'p', 'v', 'c', 'S', 'f')
             union all
            select 'routine ' || proc.oid::regprocedure
              from pg_proc as proc
             where proc.pronamespace = 'kronos'::regnamespace and proc.proowner = v_restorer
        loop
            execute format('alter %s owner to kronos_owner', v_name);
        end loop;
    end if;
    if not has_schema_privilege('kronos_cron', 'cron', 'usage') then
        grant usage on schema cron to kronos_cron;
    end if;
    -- Only a superuser can let the reaper see and remove entries with our names that another role owns (a
    -- copy made by hand, a restored dump), and see cron.host, which pg_cron copies into each entry. Without
    -- that such entries are reported, not repaired. It also lets Kronos see for how long others' transactions
    -- are open.
    if (select rolsuper from pg_roles where rolname = current_user) then
        grant pg_read_all_settings, pg_read_all_stats to kronos_owner;
        grant delete on cron.job to kronos_cron;
        -- granted to all roles, unless that was revoked
        if not has_table_privilege('kronos_cron', 'cron.job', 'select') then
            grant select on cron.job to kronos_cron;
        end if;
        if not has_function_privilege('kronos_cron', 'cron.schedule(text, text, text)', 'execute')
        or not has_function_privilege('kronos_cron', 'cron.unschedule(bigint)', 'execute') then
            grant execute on function cron.schedule(text, text, text), cron.unschedule(bigint) to kronos_cron;
        end if;
        -- the length of pg_cron's log, including the rows of others
        grant select on sequence cron.runid_seq to kronos_cron;
        if not exists (select from pg_policy
                        where polrelid = 'cron.job'::regclass and polname = 'kronos_entries') then
            create policy kronos_entries on cron.job for select to kronos_cron
                using (jobname like 'kronos:%');
        end if;
    end if;
    -- A firing must never wait for long: a scheduler with 32 slots stands still when all of them wait
    -- (pg_cron's #63). An administrator may set the limit.
    for v_name, v_value in
        values ('lock_timeout', '5s'), ('statement_timeout', '30s'),
               ('idle_in_transaction_session_timeout', '10s'), ('jit', 'off')
    loop
        if not exists (select from pg_db_role_setting as setting, unnest(setting.setconfig) as each
                        where setting.setrole = 'kronos_cron'::regrole
                          and starts_with(each, v_name || '=')) then
            execute format('alter role kronos_cron set %I to %L', v_name, v_value);
        end if;
    end loop;
    -- This role has no driver that sets the formats of values, as kronos/session.py does for the others; a
    -- role's own settings override a database's. They are compared with the catalog, because each `alter
    -- role` is written and announced to every session.
    for v_name, v_value in
        values ('DateStyle', 'ISO, YMD'), ('IntervalStyle', 'postgres'), ('TimeZone', 'UTC'),
               ('timezone_abbreviations', 'Default'),
               ('lc_monetary', 'C'), ('lc_numeric', 'C'), ('lc_time', 'C'),
               ('standard_conforming_strings', 'on'),
               ('backslash_quote', 'safe_encoding'), ('bytea_output', 'hex'), ('extra_float_digits', '1'),
               ('array_nulls', 'on'), ('transform_null_equals', 'off'),
               ('search_path', 'pg_catalog, pg_temp'),
               ('row_security', 'on'),
               ('default_transaction_isolation', 'read committed'), ('default_transaction_read_only', 'off'),
               ('default_transaction_deferrable', 'off'), ('exit_on_error', 'off')
    loop
        if not exists (select from pg_db_role_setting as setting, unnest(setting.setconfig) as each
                        where setting.setrole = 'kronos_cron'::regrole
                          and setting.setdatabase = 0
                          and each = v_name || '=' || v_value) then
            execute format('alter role kronos_cron set %I to '
                           || case v_name when 'search_path' then '%s' else '%L' end, v_name, v_value);
        end if;
    end loop;
end
$$;
