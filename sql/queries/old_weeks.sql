-- name: list_old_weeks
-- Foreign tables of the history: weeks that are stored on other machines (kronos migrate --distributed).
select class.relname::text as name
  from pg_class as class
 where class.relkind = 'f' and class.relispartition and class.relnamespace = 'kronos'::regnamespace
 order by 1;

-- name: list_blind_roles
-- Roles that read the history but have no user mapping, which PostgreSQL needs to read those weeks.
select reader.name as role, reader.name = session_user as is_us
  from (select unnest(array['kronos_owner', 'kronos_api', 'kronos_worker']) as name
         union
        select session_user::text) as reader
 where exists (select from pg_foreign_server where srvname = 'kronos_history')
   and not exists (select
                     from pg_user_mappings as mapping
                    where mapping.srvname = 'kronos_history' and mapping.usename in (reader.name, 'public'))
 order by 1;
