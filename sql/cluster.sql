-- Roles, schema and the extension: once per cluster, by `kronos migrate` with an administrator's connection, in cron.database_name.
-- Each step is skipped where it is done already, so that an administrator without superuser rights can run it after a DBA has
-- created the extension. Everything after this file is owned by kronos_owner, or by kronos_cron where pg_cron's privilege is lent.
do $$
declare
    v_has_set_option constant boolean := current_setting('server_version_num')::integer >= 160000;
    v_role           text;
begin
    if to_regrole('kronos_owner') is null then
        create role kronos_owner nologin;
    end if;
    -- login, and no password: pg_cron runs an entry as the role that scheduled it, and every firing of a nologin role fails.
    if to_regrole('kronos_cron') is null then
        create role kronos_cron login;
    end if;
    if to_regrole('kronos_api') is null then
        create role kronos_api login;
    end if;
    if to_regrole('kronos_worker') is null then
        create role kronos_worker login;
    end if;
    -- Objects are made as kronos_owner and as kronos_cron, so whoever migrates must be able to become both. A superuser is. Before PostgreSQL 16
    -- every CREATEROLE user may grant itself that membership. From 16 only who has ADMIN on the role may, as its creator has, and neither
    -- SET nor INHERIT comes with it: a "member" may be one who cannot become it.
    foreach v_role in array array['kronos_owner', 'kronos_cron'] loop
        if v_has_set_option and not (pg_has_role(current_user, v_role, 'set') and pg_has_role(current_user, v_role, 'usage')) then
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
    if not has_schema_privilege('kronos_cron', 'cron', 'usage') then
        grant usage on schema cron to kronos_cron;
    end if;
    -- Only a superuser can let the reaper see and remove entries of our name that another role owns (someone's copy, a restored dump), and see
    -- cron.host, which pg_cron copies into each entry. Without it such entries are reported, not repaired.
    if (select rolsuper from pg_roles where rolname = current_user) then
        grant pg_read_all_settings to kronos_owner;
        grant delete on cron.job to kronos_cron;
        if not exists (select from pg_policy where polrelid = 'cron.job'::regclass and polname = 'kronos_entries') then
            create policy kronos_entries on cron.job for select to kronos_cron using (jobname like 'kronos:%');
        end if;
    end if;
    -- A firing must never wait: a scheduler with 32 slots stands still when they all do (pg_cron's #63).
    if not exists (select from pg_db_role_setting where setrole = 'kronos_cron'::regrole) then
        alter role kronos_cron set lock_timeout = '5s';
        alter role kronos_cron set statement_timeout = '30s';
        alter role kronos_cron set idle_in_transaction_session_timeout = '10s';
        alter role kronos_cron set default_transaction_isolation = 'read committed';
        alter role kronos_cron set jit = off;
    end if;
end
$$;
