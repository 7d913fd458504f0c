"""Queries of PostgreSQL's catalog about schema kronos, for upgrades. Run with search_path pg_catalog, so that names are
written with their schema."""

FUNCTIONS = """
  select oid::bigint, proname::text,
         case prokind when 'p' then 'procedure ' else 'function ' end || oid::regprocedure::text,
         xmin::text || ' ' || ctid::text, proowner in ('kronos_owner'::regrole, 'kronos_cron'::regrole)
    from pg_proc
   where pronamespace = 'kronos'::regnamespace
     and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = pg_proc.oid
         and deptype = 'e')
"""
VIEWS = """
  select oid::bigint, relname::text, 'view ' || oid::regclass::text, '', relowner = 'kronos_owner'::regrole
    from pg_class
   where relnamespace = 'kronos'::regnamespace and relkind = 'v'
"""
# What a schema migration may change: views before the tables that they read, in the order in which readers lock them.
# Of a partitioned table only the parent: a session that uses a partition also holds a lock on the parent.
LOCKABLE = """
  select oid::regclass::text, relkind = 'p'
    from pg_class
   where relnamespace = 'kronos'::regnamespace and relkind in ('v', 'r', 'p') and not relispartition
     and relowner = 'kronos_owner'::regrole
   order by relkind <> 'v', relname
"""
# Ours are the triggers on our tables that call our functions.
TRIGGERS = """
  select trigger.oid::bigint, trigger.tgname::text, trigger.tgrelid::regclass::text,
         trigger.xmin::text || ' ' || trigger.ctid::text || ' ' || trigger.tgfoid, true
    from pg_trigger as trigger
    join pg_class as class on class.oid = trigger.tgrelid and class.relnamespace = 'kronos'::regnamespace
    join pg_proc as called on called.oid = trigger.tgfoid and called.pronamespace = 'kronos'::regnamespace
   where not trigger.tgisinternal and trigger.tgparentid = 0
"""
VIEWS_OF_VIEWS = """
  select distinct reader.relname::text, read.relname::text
    from pg_depend as dependency
    join pg_rewrite as rule on dependency.classid = 'pg_rewrite'::regclass and rule.oid = dependency.objid
    join pg_class as reader on reader.oid = rule.ev_class and reader.relnamespace = 'kronos'::regnamespace
    join pg_class as read on dependency.refclassid = 'pg_class'::regclass and read.oid = dependency.refobjid
        and read.relkind = 'v'
   where reader.oid <> read.oid
"""
# Digests of what PostgreSQL made of each file. An object that was changed by hand is restored by the next change.
MADE_FUNCTIONS = """
  select proc.oid::bigint,
         md5(concat_ws(' ', pg_get_functiondef(proc.oid), proc.proowner::regrole,
                       (select string_agg(pg_get_triggerdef(trigger.oid) || trigger.tgenabled::text, ' '
                           order by trigger.oid)
                          from pg_trigger as trigger
                         where trigger.tgfoid = proc.oid and trigger.tgparentid = 0)))
    from pg_proc as proc
   where proc.pronamespace = 'kronos'::regnamespace and proc.prokind in ('f', 'p')
"""
MADE_VIEWS = """
  select relname::text, md5(concat_ws(' ', pg_get_viewdef(oid), reloptions))
    from pg_class
   where relnamespace = 'kronos'::regnamespace and relkind = 'v' and relowner = 'kronos_owner'::regrole
"""
# Grants to other roles on views, and on columns of views: they are granted again when a view is recreated.
FOREIGN_GRANTS = """
  select class.relname::text, null::text, given.privilege_type::text, given.grantee::regrole::text, given.is_grantable
    from pg_class as class
   cross join lateral aclexplode(class.relacl) as given
   where class.relnamespace = 'kronos'::regnamespace and class.relkind = 'v' and given.grantee <> 0
     and given.grantee::regrole::text not in ('kronos_owner', 'kronos_api', 'kronos_worker', 'kronos_cron')
   union all
  select class.relname::text, attribute.attname::text, given.privilege_type::text, given.grantee::regrole::text,
         given.is_grantable
    from pg_class as class
    join pg_attribute as attribute on attribute.attrelid = class.oid
   cross join lateral aclexplode(attribute.attacl) as given
   where class.relnamespace = 'kronos'::regnamespace and class.relkind = 'v' and given.grantee <> 0
"""
# What depends on one of these functions and views, apart from themselves: views by their rules, columns by their
# expressions.
DEPENDANTS = """
  select distinct dependency.refobjid::bigint,
         case when rule.oid is not null then pg_describe_object('pg_class'::regclass, rule.ev_class, 0)
              when attribute.attrelid is not null then pg_describe_object('pg_class'::regclass,
                  attribute.attrelid, attribute.attnum)
              else pg_describe_object(dependency.classid, dependency.objid, dependency.objsubid)
         end
    from pg_depend as dependency
    left join pg_rewrite as rule on dependency.classid = 'pg_rewrite'::regclass and rule.oid = dependency.objid
    left join pg_attrdef as def on dependency.classid = 'pg_attrdef'::regclass and def.oid = dependency.objid
    left join pg_attribute as attribute on (attribute.attrelid, attribute.attnum) = (def.adrelid, def.adnum)
   where dependency.refclassid in ('pg_proc'::regclass, 'pg_class'::regclass)
     and dependency.refobjid::bigint = any (%(oids)s)
     and dependency.deptype in ('n', 'a')
     and coalesce(rule.ev_class, dependency.objid)::bigint <> all (%(oids)s)
   order by 1, 2
"""
# Everything that the files create: its content, its owner and its privileges. A function's content is its body and
# volatility; other settings of a function belong to its administrator. A view's content is its columns, since each
# major version of PostgreSQL rewrites its text. Whether autovacuum runs on a table is a separate check. Partitions come
# and go.
OBJECTS = """
  select 'function ' || proc.oid::regprocedure as object,
         jsonb_build_object('owner', proc.proowner::regrole, 'result', pg_get_function_result(proc.oid),
             'lent rights', proc.prosecdef,
                            'settings', case when proc.prosecdef then proc.proconfig::text end,
                            'text', md5(concat_ws(' ', proc.prosrc, pg_get_function_sqlbody(proc.oid),
                                proc.provolatile)),
                            'rights', (select string_agg(each::text, ' ' order by each::text)
                                from unnest(proc.proacl) as each)) as state
    from pg_proc as proc
   where proc.pronamespace = 'kronos'::regnamespace
   union all
  select case when class.relkind = 'v' then 'view ' else 'table ' end || class.oid::regclass,
         jsonb_build_object('owner', class.relowner::regrole, 'row level security', class.relrowsecurity,
                            'forced row level security', class.relforcerowsecurity,
                            'options', (select array_agg(option)::text
                                          from unnest(class.reloptions) as option
                                         where not starts_with(option, 'autovacuum_enabled=')),
                            'rights', (select string_agg(each::text, ' ' order by each::text)
                                from unnest(class.relacl) as each),
                            'columns', (select string_agg(attribute.attname || ':' || attribute.atttypid::regtype, ' '
                                                          order by attribute.attnum)
                                          from pg_attribute as attribute
                                         where attribute.attrelid = class.oid and attribute.attnum > 0
                                               and class.relkind = 'v'))
    from pg_class as class
   where class.relnamespace = 'kronos'::regnamespace and class.relkind in ('r', 'p', 'v') and not class.relispartition
   union all
  select 'policy ' || policy.polname || ' on ' || policy.polrelid::regclass,
         jsonb_build_object('command', policy.polcmd, 'permissive', policy.polpermissive, 'roles',
             policy.polroles::regrole[]::text,
                            'using', pg_get_expr(policy.polqual, policy.polrelid),
                            'check', pg_get_expr(policy.polwithcheck, policy.polrelid))
    from pg_policy as policy
    join pg_class as class on class.oid = policy.polrelid and class.relnamespace = 'kronos'::regnamespace
   union all
  select 'trigger ' || trigger.tgname || ' on ' || class.oid::regclass,
         jsonb_build_object('function', trigger.tgfoid::regproc, 'enabled', trigger.tgenabled, 'definition',
             pg_get_triggerdef(trigger.oid))
    from pg_trigger as trigger
    join pg_class as class on class.oid = trigger.tgrelid and class.relnamespace = 'kronos'::regnamespace
        and not class.relispartition
   where not trigger.tgisinternal
   union all
  select 'schema ' || nspname,
         jsonb_build_object('owner', nspowner::regrole,
                            'rights', (select string_agg(each::text, ' ' order by each::text)
                                from unnest(nspacl) as each))
    from pg_namespace where nspname = 'kronos'
"""
# What differs from what the newest upgrade left: `gone`, `new`, or the properties that differ. A property that an older
# release's upgrade did not record is not a difference.
CHANGES = f"""
  select coalesce(made.object, there.object) as object,
         case when there.object is null then array['gone']
              when made.object is null  then array['new']
              else array(select key from jsonb_each(made.state) where there.state -> key is distinct from value
                  order by key)
         end as differs
    from kronos.made_objects as made
    full join ({OBJECTS}) as there on there.object = made.object
   where made.object is null or there.object is null or not there.state @> made.state
   order by 1
"""  # noqa: S608 - two texts of this file
REMEMBER = f"insert into kronos.made_objects (object, state) {OBJECTS}"
COLUMNS_OF_VIEWS = """
  select class.relname::text, attribute.attname::text
    from pg_class as class
    left join pg_attribute as attribute on attribute.attrelid = class.oid and attribute.attnum > 0
   where class.relnamespace = 'kronos'::regnamespace and class.relkind = 'v'
   union all
  select relname::text, null
    from pg_class
   where relnamespace = 'kronos'::regnamespace and relkind = 'v'
"""
