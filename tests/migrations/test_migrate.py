"""`kronos migrate`: one transaction, one migrator at a time; a failure changes nothing and names the remedy."""

import shutil
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import kronos
from conftest import url_of
from kronos import doctor, errors, migrations, repeatables, ringing, schema_steps, sql
from kronos.embedded import configuration
from kronos.embedded.cluster import Cluster
from migrations.releases import next_release
from servers import Server
from sql_factory import Connection, make_cron_job, records, value, values

# Every object of the schema, by its kind and definition, with grants and owners. Without partitions: a new week adds
# one.
_EVERYTHING = """
  select 'function ' || oid::regprocedure || ' ' || md5(pg_get_functiondef(oid)) || ' ' || proowner::regrole
         || ' ' || coalesce(proacl::text, '')
    from pg_proc where pronamespace = 'kronos'::regnamespace
   union all
  select 'relation ' || relname || ' ' || relkind::text || ' ' || relowner::regrole || ' ' || coalesce(relacl::text, '')
         || coalesce(pg_get_viewdef(case when relkind = 'v' then oid end), '')
    from pg_class where relnamespace = 'kronos'::regnamespace and relname !~ '_20[0-9]{6}'
   union all
  select 'policy ' || polrelid::regclass || ' ' || polname ||
         ' ' || polroles::text || coalesce(pg_get_expr(polqual, polrelid), '')
    from pg_policy where polrelid in (select oid from pg_class where relnamespace = 'kronos'::regnamespace)
   union all
  select 'trigger ' || pg_get_triggerdef(pg_trigger.oid)
    from pg_trigger join pg_class on pg_class.oid = tgrelid
   where relnamespace = 'kronos'::regnamespace and relname !~ '_20[0-9]{6}' and not tgisinternal
   order by 1
"""


def state(connection: Connection) -> tuple[object, ...]:
    """Everything that a migration creates: objects, the applied digest, the internal jobs and their entries."""
    return (
        values(connection, _EVERYTHING),
        value(connection, "select obj_description('kronos'::regnamespace)"),
        values(connection, "select version_num from kronos.schema_version"),
        records(connection, "select job_id, name, alarm, status from kronos.jobs order by name"),
        records(connection, "select jobid, jobname, schedule, command, username from cron.job order by jobname"),
    )


def test_an_empty_database_becomes_a_whole_one_and_a_second_run_changes_nothing(
    superuser: Connection, database_url: str
) -> None:
    """The whole one is as the copy of one that this test gets."""
    copied = values(superuser, _EVERYTHING)
    superuser.execute("drop schema kronos cascade")
    superuser.execute("delete from cron.job")
    migrations.migrate(database_url)
    assert migrations.current(database_url) == migrations.head()
    assert value(superuser, "select obj_description('kronos'::regnamespace)") == f"sql/ {repeatables.digest()}"
    jobs = records(superuser, "select name, 'kronos:' || job_id as entry from kronos.jobs order by name")
    assert [job["name"] for job in jobs] == ["alerts", "catch-up", "lease-keeper", "reaper", "retention"]
    assert set(values(superuser, "select jobname from cron.job where username = 'kronos_cron'")) == {
        job["entry"] for job in jobs
    }
    assert value(superuser, "select count(*) from kronos.partitions()") >= 18
    assert values(superuser, "select parent from kronos.missing_partitions('8 weeks')") == []
    assert values(superuser, _EVERYTHING) == copied

    job_id = make_cron_job(superuser, is_registered=True)
    before = state(superuser)
    migrations.migrate(database_url)
    assert state(superuser) == before
    assert value(superuser, "select status from kronos.jobs where job_id = %s", [job_id]) == "ACTIVE"


def test_concurrent_runs_are_harmless_and_this_releases_own_revision_may_be_named(
    superuser: Connection, bare: str
) -> None:
    head = migrations.head()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda to: migrations.migrate(bare, to=to), [head] * 4))
    assert len(values(superuser, "select jobname from cron.job")) == 5
    assert migrations.current(bare) == head
    assert value(superuser, "select obj_description('kronos.schema_version'::regclass)") == f"revision {head}"


@pytest.fixture
def broken_sql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release whose last file fails, after one of its functions was changed."""
    root = tmp_path / "sql"
    shutil.copytree(sql.root(), root)
    fire = root / "functions/ring/fire.sql"
    fire.write_text(fire.read_text().replace("returns integer", "returns  integer").replace("-- fire:", "-- changed:"))
    (root / "functions/ground/uuid7_floor.sql").write_text(
        "create function kronos.of_the_next_release() returns integer language sql as 'select 1'"
    )
    with (root / "grants.sql").open("a") as grants:
        grants.write("grant execute on function kronos.there_is_no_such_function() to kronos_api;\n")
    monkeypatch.setattr(sql, "root", lambda: root)
    return root


def test_a_run_that_fails_leaves_a_migrated_database_as_it_was(
    superuser: Connection, database_url: str, broken_sql: Path
) -> None:
    before = state(superuser)
    with pytest.raises(errors.MigrationFailed, match=r"there_is_no_such_function.*nothing was changed"):
        migrations.migrate(database_url)
    assert state(superuser) == before


def test_a_run_that_fails_leaves_nothing_in_an_empty_database(
    superuser: Connection, bare: str, broken_sql: Path
) -> None:
    with pytest.raises(errors.MigrationFailed, match="there_is_no_such_function"):
        migrations.migrate(bare)
    assert value(superuser, "select to_regnamespace('kronos')") is None
    assert values(superuser, "select jobname from cron.job") == []


def test_a_changed_file_is_applied_again_and_an_unchanged_one_is_not(
    superuser: Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_setting = "select proconfig from pg_proc where oid = 'kronos.tick_id(uuid, timestamptz)'::regprocedure"
    superuser.execute("alter function kronos.tick_id(uuid, timestamptz) set work_mem = '5MB'")
    migrations.migrate(database_url)
    assert value(superuser, own_setting) == ["work_mem=5MB"]
    root = tmp_path / "sql"
    shutil.copytree(sql.root(), root)
    with (root / "policies.sql").open("a") as policies:
        policies.write("-- a new line\n")
    monkeypatch.setattr(sql, "root", lambda: root)
    migrations.migrate(database_url)
    assert value(superuser, own_setting) is None


def test_at_its_revision_a_database_gets_a_changed_function_without_alembic(
    superuser: Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each `kronos up` migrates, and loading alembic takes longer than everything else in it."""
    monkeypatch.setitem(sys.modules, "kronos.schema_steps", None)  # importing it fails from here on
    monkeypatch.delattr(kronos, "schema_steps", raising=False)
    with pytest.raises(ImportError):
        migrations.steps(None)
    release = next_release(tmp_path, monkeypatch)
    release.edit("functions/ground/tick_id.sql", "\n$$;", "\n-- of the next release\n$$;")
    migrations.migrate(database_url)
    body = "select prosrc from pg_proc where oid = 'kronos.tick_id(uuid, timestamptz)'::regprocedure"
    assert "-- of the next release" in str(value(superuser, body))
    assert value(superuser, "select obj_description('kronos'::regnamespace)") == f"sql/ {repeatables.digest()}"


def test_a_function_that_says_something_else_is_put_right(superuser: Connection, database_url: str) -> None:
    """Whatever replaced it, this release was not tested with it. Restored even if nothing else changed."""
    superuser.execute(
        "create or replace function kronos.tick_id(p_job_id uuid, p_tick timestamptz) returns uuid language sql "
        "return null::uuid"
    )
    migrations.migrate(database_url)
    assert value(superuser, "select kronos.tick_id(gen_random_uuid(), now())") is not None


def test_functions_of_another_release_that_are_in_the_way_or_left_over_go(
    superuser: Connection, database_url: str
) -> None:
    before = state(superuser)
    superuser.execute("set role kronos_owner")
    superuser.execute("drop function kronos.iso(timestamptz) cascade")
    superuser.execute(
        "create function kronos.iso(p_old_name timestamptz) returns text language sql as $$ select 'x' $$"
    )
    superuser.execute(
        "create function kronos.of_another_release(integer) returns integer language sql as $$ select 1 $$"
    )
    superuser.execute("comment on schema kronos is 'sql/ another'")
    superuser.execute("reset role")
    migrations.migrate(database_url)
    assert state(superuser) == before


def test_a_database_that_was_never_migrated_is_at_no_revision(bare: str) -> None:
    assert migrations.current(bare) is None


def test_a_server_that_is_not_there_is_said_to_be_unavailable() -> None:
    url = "postgresql://nobody@127.0.0.1:1/kronos"
    with pytest.raises(errors.DatabaseUnavailable):
        migrations.current(url)
    with pytest.raises(errors.Unconnected) as raised:
        migrations.migrate(url)
    assert raised.value.said.startswith("nothing listens at 127.0.0.1:1: is PostgreSQL running there")


@pytest.fixture
def administrator(server: Server, superuser: Connection, bare: str) -> Iterator[str]:
    """The URL, for a bare database, of a user who is not a superuser and has no special rights yet; no superuser
    prepared it."""
    user = f"admin_{uuid.uuid4().hex[:8]}"
    superuser.execute(f"create role {user} login password 'test-only'")
    superuser.execute("drop policy kronos_entries on cron.job")
    superuser.execute("revoke all on cron.job from kronos_cron")
    superuser.execute("revoke usage on schema cron from kronos_cron")
    try:
        yield make_conninfo(bare, user=user, password="test-only")
    finally:
        superuser.execute("drop schema if exists kronos cascade")
        superuser.execute(f"drop owned by {user} cascade")
        superuser.execute(f"drop role {user}")


def test_a_user_without_the_rights_sees_what_a_superuser_must_run_and_then_can_migrate(
    superuser: Connection, administrator: str
) -> None:
    with pytest.raises(errors.MigrationFailed, match=r"nothing was changed\. Let a superuser run once") as caught:
        migrations.migrate(administrator)
    assert value(superuser, "select to_regnamespace('kronos')") is None
    _, _, statements = str(caught.value).partition(f"in database {conninfo_to_dict(administrator)['dbname']}: ")
    assert statements
    superuser.execute(statements.encode())
    user = conninfo_to_dict(administrator)["user"]
    assert value(superuser, "select rolsuper from pg_roles where rolname = %s", [user]) is False
    migrations.migrate(administrator)
    migrations.migrate(administrator)
    assert len(values(superuser, "select jobname from cron.job where username = 'kronos_cron'")) == 5
    tick = value(superuser, "select date_trunc('minute', now())")
    job_id = make_cron_job(superuser, cron=f"{tick.minute} {tick.hour} * * *", next_tick_at=tick)
    with psycopg.connect(administrator, autocommit=True) as connection:
        connection.execute("set role kronos_cron")
        assert value(connection, "select kronos.fire(%s)", [job_id]) == 1
        connection.execute("set role kronos_owner")
        counts = value(connection, "select kronos.reap()")
    assert (counts["registered"], counts["failed"]) == (1, 0)
    superuser.execute("update kronos.heartbeats set rang_at = clock_timestamp()")
    rings = ringing.check(administrator, progress=lambda _: None)
    assert rings.detail.startswith(("pg_cron rang", "pg_cron serves database")), rings
    found = {each.check: each for each in doctor.examine(administrator, fix=False, progress=lambda *_: None)}
    assert "database" not in found
    assert [each for each in found.values() if "the check could not run" in each.detail] == []
    assert found["objects"].ok


def test_a_database_that_pg_cron_does_not_serve_is_named(server: Server, superuser: Connection) -> None:
    name = f"elsewhere_{uuid.uuid4().hex[:8]}"
    superuser.execute(f"create database {name}")
    try:
        with pytest.raises(errors.MigrationFailed, match=f"cron.database_name = '{name}'"):
            migrations.migrate(url_of(server.superuser_url, name))
        with psycopg.connect(url_of(server.superuser_url, name)) as connection:
            assert value(connection, "select to_regnamespace('kronos')") is None
    finally:
        superuser.execute(f"drop database {name} with (force)")


def test_a_server_without_pg_cron_loaded_is_named_with_the_setting_that_loads_it(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if request.config.getoption("--containers"):
        pytest.skip("needs a server of the system's packages")
    conf = configuration.kronos_conf

    def without_pg_cron(*args: object, **kwargs: object) -> str:
        lines = conf(*args, **kwargs).splitlines()  # type: ignore[arg-type]
        return "\n".join(line for line in lines if "cron" not in line) + "\n"

    monkeypatch.setattr(configuration, "kronos_conf", without_pg_cron)
    cluster = Cluster(tmp_path, durable=False)
    cluster.start()
    try:
        with pytest.raises(errors.MigrationFailed, match="shared_preload_libraries"):
            migrations.migrate(cluster.superuser_url)
        with psycopg.connect(cluster.superuser_url) as connection:
            assert value(connection, "select to_regnamespace('kronos')") is None
            assert values(connection, "select rolname from pg_roles where rolname like 'kronos%'") == []
    finally:
        cluster.destroy()


def test_the_wheel_brings_the_sql_and_the_migrations() -> None:
    import tomllib

    project = Path(__file__).parents[2]
    wheel = tomllib.loads((project / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"sql": "kronos/_sql", "alembic": "kronos/_alembic"}
    assert (project / "sql" / "cluster.sql").is_file()
    assert (project / "alembic" / "env.py").is_file()


def test_a_server_that_ends_during_a_migration_is_an_error_of_psycopg(superuser: Connection, database_url: str) -> None:
    """SQLAlchemy's rollback on the lost connection raises an error of its own, which was a traceback."""
    driver = psycopg.connect(database_url)
    with pytest.raises(psycopg.OperationalError) as caught, schema_steps.runner(driver):
        _ended(superuser, driver)
    assert "run `kronos migrate` again" in migrations._explained(caught.value, database_url).detail


def _ended(superuser: Connection, driver: psycopg.Connection) -> None:
    superuser.execute("select pg_terminate_backend(%s, 10000)", [driver.info.backend_pid])
    driver.execute("select 1")
