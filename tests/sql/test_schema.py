"""The schema: the schema files match what the migrations create, and every table and function follows the rules."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from depth import depth
from factory import add_endpoint
from kronos import floors, sql
from scale import unaudited, vacuum
from sql.plans import plan_of, rows_read
from sql_factory import Connection, make_cron_job, records, values

# Ordered so that each file finds what it refers to.
_SCHEMA = (
    "types",
    "organizations",
    "workspaces",
    "deletions",
    "quota_shards",
    "api_keys",
    "request_rates",
    "alarm_setting",
    "role_mappings",
    "managed",
    "sign_ins",
    "documents",
    "calendars",
    "cancelled_jobs",
    "endpoints",
    "jobs",
    "pointers",
    "turns",
    "executions",
    "attempts",
    "heartbeats",
    "zones",
    "job_faults",
    "catch_up_wave",
    "backfills",
    "dead_letters",
    "callbacks",
    "retention",
    "idempotency_keys",
    "made_objects",
    "sql_grants",
    "secrets",
    "audit",
    "live",
    "beats",
    "alerts",
)

_FINGERPRINT = """
  select 'type ' || type.typname || '.' || attribute.attname || ' ' || format_type(attribute.atttypid,
         attribute.atttypmod)
    from pg_type as type
    join pg_class as class on class.oid = type.typrelid and class.relkind = 'c'
    join pg_attribute as attribute on attribute.attrelid = class.oid
   where type.typnamespace = 'kronos'::regnamespace
   union all
  select 'table ' || class.relname || ' ' || class.relkind::text || ' ' || coalesce(class.reloptions::text, '') || ' '
         || coalesce(pg_get_partkeydef(class.oid), '') || ' ' || coalesce(pg_get_expr(class.relpartbound,
             class.oid), '')
    from pg_class as class
   where class.relnamespace = 'kronos'::regnamespace and class.relkind in ('r', 'p')
         and class.relname <> 'schema_version'
   union all
  select 'column ' || class.relname || '.'
         || lpad((row_number() over (partition by attribute.attrelid order by attribute.attnum))::text, 2, '0') || ' '
         || attribute.attname || ' '
         || format_type(attribute.atttypid, attribute.atttypmod) || case when attribute.attnotnull
             then ' not null' else '' end
         || coalesce(' default ' || pg_get_expr(def.adbin, def.adrelid), '')
    from pg_attribute as attribute
    join pg_class as class on class.oid = attribute.attrelid
    left join pg_attrdef as def on (def.adrelid, def.adnum) = (attribute.attrelid, attribute.attnum)
   where class.relnamespace = 'kronos'::regnamespace and class.relkind in ('r', 'p')
         and class.relname <> 'schema_version'
     and attribute.attnum > 0 and not attribute.attisdropped
   union all
  select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
    from pg_constraint
   where connamespace = 'kronos'::regnamespace and conrelid is distinct from to_regclass('kronos.schema_version')
     and contype <> 't'      -- of sql/functions
   union all
  select 'index ' || pg_get_indexdef(index.indexrelid) || ' ' || coalesce(class.reloptions::text, '')
    from pg_index as index
    join pg_class as class on class.oid = index.indexrelid
   where class.relnamespace = 'kronos'::regnamespace and index.indrelid is distinct
         from to_regclass('kronos.schema_version')
   order by 1
"""


def test_the_schema_files_are_what_the_migrations_build(superuser: Connection) -> None:
    superuser.execute("drop table if exists " + ", ".join(f"kronos.{name}" for name in daily_partitions(superuser)))
    migrated = values(superuser, _FINGERPRINT)
    superuser.execute("drop schema kronos cascade")
    superuser.execute("create schema kronos")
    assert {path.stem for path in (sql.root() / "schema").glob("*.sql")} == set(_SCHEMA)
    for name in _SCHEMA:
        superuser.execute((sql.root() / "schema" / f"{name}.sql").read_text().encode())
    assert values(superuser, _FINGERPRINT) == migrated
    assert len(migrated) > 150


def daily_partitions(connection: Connection) -> list[str]:
    return values(
        connection,
        "select relname from pg_class where relispartition and relkind = 'r' and relnamespace = 'kronos'::regnamespace"
        " and relname not like '%_default'",
    )


def test_each_function_and_view_is_its_file(shared: Connection) -> None:
    files = {path.stem for path in (sql.root() / "functions").glob("*/*.sql")}
    assert set(values(shared, "select proname from pg_proc where pronamespace = 'kronos'::regnamespace")) == files
    views = {path.stem for path in (sql.root() / "views").glob("*.sql")}
    assert (
        set(
            values(shared, "select relname from pg_class where relnamespace = 'kronos'::regnamespace and relkind = 'v'")
        )
        == views
    )


def test_row_level_security_is_on_and_forced_on_every_table_that_is_reached_by_name(shared: Connection) -> None:
    tables = records(
        shared,
        "select relname, relrowsecurity and relforcerowsecurity as is_forced from pg_class"
        " where relnamespace = 'kronos'::regnamespace and relkind in ('r', 'p') and not relispartition and relname <> "
        "'schema_version'",
    )
    assert len(tables) == 68
    assert [table["relname"] for table in tables if not table["is_forced"]] == []


def test_partitions_and_the_schema_version_are_reached_by_their_owner_only(shared: Connection) -> None:
    assert (
        values(
            shared,
            """
        select relname || ' ' || role
          from pg_class, unnest(array['kronos_api', 'kronos_worker', 'kronos_cron']) as role
         where relnamespace = 'kronos'::regnamespace and (relispartition or relname = 'schema_version')
               and relkind = 'r'
           and has_table_privilege(role, pg_class.oid, 'select, insert, update, delete, truncate, references, trigger')
        """,
        )
        == []
    )


def test_views_show_what_their_reader_may_see(shared: Connection) -> None:
    assert set(
        values(
            shared,
            "select reloptions::text from pg_class where relnamespace = 'kronos'::regnamespace and relkind = 'v'",
        )
    ) == {"{security_invoker=true}"}


def test_each_reference_between_rows_of_tenants_holds_the_workspace(shared: Connection) -> None:
    references = values(
        shared,
        """
        select distinct pg_get_constraintdef(oid)
          from pg_constraint
         where connamespace = 'kronos'::regnamespace and contype = 'f'
           and confrelid <> all (array['kronos.workspaces', 'kronos.organizations']::regclass[])
           -- of no workspace: who is signed in is so with a key of the instance's too
           and conname <> 'sign_ins_key_fkey'
        """,
    )
    assert len(references) >= 4
    assert [
        each
        for each in references
        if not re.match(r"FOREIGN KEY \(workspace_id, \w+\) REFERENCES \S+\(workspace_id, \w+\)", each)
    ] == []


def test_functions_that_lend_rights_have_a_fixed_search_path_and_are_not_for_everybody(shared: Connection) -> None:
    lending = records(
        shared,
        "select oid::regprocedure::text as name, proconfig, proacl::text as acl from pg_proc"
        " where pronamespace = 'kronos'::regnamespace and prosecdef",
    )
    assert len(lending) > 15
    assert [
        each["name"] for each in lending if "search_path=pg_catalog, pg_temp" not in (each["proconfig"] or [])
    ] == []
    assert [each["name"] for each in lending if each["acl"] is None or re.search(r"[{,]=X", each["acl"])] == []


def test_functions_belong_to_kronos_owner_and_those_that_reach_pg_cron_to_kronos_cron(shared: Connection) -> None:
    owners: dict[str, str] = dict(
        shared.execute(
            "select proname, proowner::regrole::text from pg_proc where pronamespace = 'kronos'::regnamespace"
        ).fetchall()
    )
    assert owners == {path.stem: floor.owner for floor, path in floors.functions()}
    assert [floor.name for floor in floors.floors().values() if floor.owner == "kronos_cron"] == ["pg_cron"]
    assert set(owners.values()) == {"kronos_cron", "kronos_owner"}


def test_no_table_or_view_belongs_to_anybody_but_kronos_owner(shared: Connection) -> None:
    assert set(
        values(shared, "select relowner::regrole::text from pg_class where relnamespace = 'kronos'::regnamespace")
    ) == {"kronos_owner"}


def test_kronos_roles_have_no_right_past_row_level_security(shared: Connection) -> None:
    roles = records(
        shared,
        "select rolname, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb as is_mighty, rolcanlogin from "
        "pg_roles",
    )
    assert {
        role["rolname"]: (role["is_mighty"], role["rolcanlogin"])
        for role in roles
        if role["rolname"].startswith("kronos_")
    } == {
        "kronos_owner": (False, False),
        "kronos_cron": (False, True),
        "kronos_api": (False, True),
        "kronos_worker": (False, True),
    }


JOBS = depth(6_000, deep=20_000)


@pytest.fixture(scope="module")
def filled(module_database_url: str) -> Iterator[Connection]:
    """A workspace with thousands of jobs and three executions a day for each, and a neighbor with as many. On a Monday
    all are of that day: this week's partition is always large."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        fill(connection)
        yield connection


def fill(connection: Connection) -> None:
    for _ in range(2):
        endpoint = add_endpoint(connection)
        job_id = make_cron_job(connection, endpoint)
        with unaudited(connection, "jobs"):
            connection.execute(
                """
                with made as (
                    insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron,
                        timezone, schedule, alarm, description, created_at)
                    select new.job_id, new.job_id, job.workspace_id, job.endpoint_id, 'CRON', job.cron,
                           job.timezone, job.schedule, job.alarm,
                           job.description, now() - n * interval '1 second'
                      from kronos.jobs as job, generate_series(1, %s) as n,
                           lateral (select gen_random_uuid() as job_id where n > 0) as new
                     where job.job_id = %s
                    returning job_id, workspace_id
                )
                insert into kronos.pointers (job_id, workspace_id, next_tick_at)
                select job_id, workspace_id, now() + interval '1 hour' + row_number() over () * interval '1 minute'
                       from made
                """,
                [JOBS, job_id],
            )
        connection.execute(
            """
            insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id,
                endpoint_version, cause, status, scheduled_at, run_at, created_at, max_attempts, input)
            select kronos.tick_id(job.job_id, tick.at), job.workspace_id, job.job_id, job.endpoint_id, 1,
                   'SCHEDULE', 'SUCCESS', tick.at, tick.at, tick.at, 5, '{}'
              from (select * from kronos.jobs where endpoint_id = %s limit 30) as job,
                   lateral (select greatest(now(), date_trunc('week', now(), 'UTC') + interval '1 day') as upto) as day,
                   generate_series(day.upto - '1 day'::interval, day.upto, '864000 s'::interval / %s) as tick (at)
            """,
            [endpoint.endpoint_id, JOBS],
        )
        connection.execute(
            """
            insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id,
                endpoint_version, cause, scheduled_at,
                                               run_at, visible_at, max_attempts, max_crashes, timeout_ms, input)
            select kronos.uuid7(), workspace_id, job_id, endpoint_id, 1, 'MANUAL', now(), now(), now(), 5, 3, 1000, '{}'
              from kronos.jobs where endpoint_id = %s limit 5000
            """,
            [endpoint.endpoint_id],
        )
    vacuum(connection)


_JOBS_PAGE: dict[str, object] = {
    "endpoint": None,
    "trigger": None,
    "status": None,
    "tag": None,
    "q": None,
    "created_after": None,
    "created_before": None,
    "limit": 50,
    "bytes": 1_048_576,
}
_EXECUTIONS_PAGE: dict[str, object] = {
    "status": None,
    "scheduled_after": None,
    "scheduled_before": None,
    "limit": 50,
    "bytes": 1_048_576,
}


@pytest.mark.parametrize("plan", ["custom", "generic"])
@pytest.mark.parametrize("page", ["first", "deep"])
def test_a_page_of_jobs_reads_a_page_of_jobs(filled: Connection, page: str, plan: str) -> None:
    (deep,) = records(
        filled,
        "select workspace_id, created_at, job_id from kronos.jobs order by created_at offset %s limit 1",
        [JOBS // 2],
    )
    before = {"before_created_at": None, "before_id": None}
    if page == "deep":
        before = {"before_created_at": deep["created_at"], "before_id": deep["job_id"]}
    read = plan_of(filled, "job_reads.list_jobs", _JOBS_PAGE | before, workspace_id=deep["workspace_id"], plan=plan)
    assert "jobs_newest" in read
    assert rows_read(read, "jobs") <= 60, read


@pytest.mark.parametrize("plan", ["custom", "generic"])
@pytest.mark.parametrize("page", ["first", "deep"])
def test_a_page_of_executions_reads_a_page_of_each_partition(filled: Connection, page: str, plan: str) -> None:
    (deep,) = records(
        filled,
        "select workspace_id, created_at, execution_id from kronos.execution_done order by created_at offset %s "
        "limit 1",
        [3 * JOBS],
    )
    before = {"before_created_at": None, "before_id": None}
    if page == "deep":
        before = {"before_created_at": deep["created_at"], "before_id": deep["execution_id"]}
    read = plan_of(
        filled, "executions.list_executions", _EXECUTIONS_PAGE | before, workspace_id=deep["workspace_id"], plan=plan
    )
    assert rows_read(read, "execution_done") <= 200, read


@pytest.mark.parametrize("plan", ["custom", "generic"])
def test_an_execution_by_id_is_looked_for_in_one_partition(filled: Connection, plan: str) -> None:
    # Half a day old: its partition is always large. A small one would be read completely.
    (one,) = records(
        filled,
        "select workspace_id, execution_id from kronos.execution_done order by created_at desc offset %s limit 1",
        [3 * JOBS],
    )
    read = plan_of(
        filled,
        "executions.get_execution",
        {"execution_id": one["execution_id"]},
        workspace_id=one["workspace_id"],
        plan=plan,
    )
    ran = [line for line in read.splitlines() if re.search(r"on execution_done\S* .*actual", line)]
    assert len(ran) == 1, read
    assert "_pkey" in ran[0], read
    assert rows_read(read, "execution_done") <= 1
    assert rows_read(read, "execution_live") <= 1


def test_due_jobs_are_found_without_reading_those_that_are_not(filled: Connection) -> None:
    with filled.transaction(force_rollback=True):
        filled.execute(
            "update tests.jobs set next_tick_at = now() - interval '30 s' where job_id in (select job_id from "
            "tests.jobs limit 20)"
        )
        folder = sql.root() / "functions" / "accounting"
        bodies = "".join((folder / f"{name}.sql").read_text() for name in ("due_jobs", "catch_up"))
        queries = re.findall(r"select job\.job_id\b.*?limit 1000+\b", bodies, flags=re.S)
        assert len(queries) == 2, "the queries are not where this test looks for them"
        filled.execute("set local role kronos_owner")
        explain = "explain (analyze, costs off, timing off, summary off) "
        reads = ["\n".join(values(filled, explain + query.replace("p_now", "now()"))) for query in queries]
    for read in reads:
        assert "pointers_due" in read
        assert rows_read(read, "jobs") <= 25, read
        assert rows_read(read, "pointers") <= 25, read


@pytest.mark.parametrize("plan", ["custom", "generic"])
def test_a_jobs_executions_are_found_by_the_job(filled: Connection, plan: str) -> None:
    (one,) = records(
        filled, "select workspace_id, job_id, count(*) from kronos.execution_done group by 1, 2 order by 2 limit 1"
    )
    before = {"before_created_at": None, "before_id": None}
    page = _EXECUTIONS_PAGE | {"job": str(one["job_id"])} | before
    read = plan_of(filled, "executions.list_job_executions", page, workspace_id=one["workspace_id"], plan=plan)
    assert rows_read(read, "execution_done") <= one["count"], read
