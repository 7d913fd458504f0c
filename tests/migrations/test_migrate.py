"""`kronos migrate`: one transaction, one migrator at a time, and a failure that says what to do and changes nothing."""

import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from conftest import url_of
from factory import EndpointRow, add_endpoint
from kronos import doctor, errors, migrations, repeatables, revisions, ringing, sql
from kronos.embedded import configuration
from kronos.embedded.cluster import Cluster
from servers import Server
from sql_factory import Connection, make_cron_job, records, value, values

# Every object of the schema, by what it is and what it says; grants and owners too. But for partitions: a new week has one more.
_EVERYTHING = """
  select 'function ' || oid::regprocedure || ' ' || md5(pg_get_functiondef(oid)) || ' ' || proowner::regrole
         || ' ' || coalesce(proacl::text, '')
    from pg_proc where pronamespace = 'kronos'::regnamespace
   union all
  select 'relation ' || relname || ' ' || relkind::text || ' ' || relowner::regrole || ' ' || coalesce(relacl::text, '')
         || coalesce(pg_get_viewdef(case when relkind = 'v' then oid end), '')
    from pg_class where relnamespace = 'kronos'::regnamespace and relname !~ '_20[0-9]{6}'
   union all
  select 'policy ' || polrelid::regclass || ' ' || polname || ' ' || polroles::text || coalesce(pg_get_expr(polqual, polrelid), '')
    from pg_policy where polrelid in (select oid from pg_class where relnamespace = 'kronos'::regnamespace)
   union all
  select 'trigger ' || pg_get_triggerdef(pg_trigger.oid)
    from pg_trigger join pg_class on pg_class.oid = tgrelid
   where relnamespace = 'kronos'::regnamespace and relname !~ '_20[0-9]{6}' and not tgisinternal
   order by 1
"""


@pytest.fixture
def bare(superuser: Connection, database_url: str) -> str:
    """A database that has pg_cron, where Kronos never was."""
    superuser.execute("drop schema kronos cascade")
    superuser.execute("delete from cron.job")
    return database_url


def state(connection: Connection) -> tuple[object, ...]:
    """All that a migration makes: objects, the applied digest, the internal jobs and their entries."""
    return (
        values(connection, _EVERYTHING),
        value(connection, "select obj_description('kronos'::regnamespace)"),
        values(connection, "select version_num from kronos.schema_version"),
        records(connection, "select job_id, name, alarm, status from kronos.jobs order by name"),
        records(connection, "select jobid, jobname, schedule, command, username from cron.job order by jobname"),
    )


def test_an_empty_database_becomes_a_whole_one(superuser: Connection, bare: str) -> None:
    migrations.migrate(bare)
    assert migrations.current(bare) == migrations.head()
    assert value(superuser, "select obj_description('kronos'::regnamespace)") == f"sql/ {repeatables.digest()}"
    jobs = records(superuser, "select name, 'kronos:' || job_id as entry from kronos.jobs order by name")
    assert [job["name"] for job in jobs] == ["catch-up", "lease-keeper", "reaper", "retention"]
    assert set(values(superuser, "select jobname from cron.job where username = 'kronos_cron'")) == {job["entry"] for job in jobs}
    assert value(superuser, "select count(*) from kronos.partitions()") >= 18
    assert values(superuser, "select parent from kronos.missing_partitions('8 weeks')") == []


def test_a_second_run_changes_nothing(superuser: Connection, bare: str) -> None:
    migrations.migrate(bare)
    job_id = make_cron_job(superuser, is_registered=True)
    before = state(superuser)
    migrations.migrate(bare)
    assert state(superuser) == before
    assert value(superuser, "select status from kronos.jobs where job_id = %s", [job_id]) == "ACTIVE"


def test_a_migrated_copy_and_a_database_migrated_anew_are_the_same(superuser: Connection, database_url: str) -> None:
    copied = values(superuser, _EVERYTHING)
    superuser.execute("drop schema kronos cascade")
    superuser.execute("delete from cron.job")
    migrations.migrate(database_url)
    assert values(superuser, _EVERYTHING) == copied


def test_concurrent_runs_are_harmless(superuser: Connection, bare: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(migrations.migrate, [bare] * 4))
    assert len(values(superuser, "select jobname from cron.job")) == 4
    assert migrations.current(bare) == migrations.head()


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


def test_a_run_that_fails_leaves_a_migrated_database_as_it_was(superuser: Connection, database_url: str, broken_sql: Path) -> None:
    before = state(superuser)
    with pytest.raises(errors.MigrationFailed, match=r"there_is_no_such_function.*nothing was changed"):
        migrations.migrate(database_url)
    assert state(superuser) == before


def test_a_run_that_fails_leaves_nothing_in_an_empty_database(superuser: Connection, bare: str, broken_sql: Path) -> None:
    with pytest.raises(errors.MigrationFailed, match="there_is_no_such_function"):
        migrations.migrate(bare)
    assert value(superuser, "select to_regnamespace('kronos')") is None
    assert values(superuser, "select jobname from cron.job") == []


def test_a_changed_file_is_applied_again_and_an_unchanged_one_is_not(
    superuser: Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    superuser.execute(
        "create or replace function kronos.tick_id(p_job_id uuid, p_tick timestamptz) returns uuid language sql return null::uuid"
    )
    migrations.migrate(database_url)
    assert value(superuser, "select kronos.tick_id(gen_random_uuid(), now())") is None
    root = tmp_path / "sql"
    shutil.copytree(sql.root(), root)
    with (root / "policies.sql").open("a") as policies:
        policies.write("-- a new line\n")
    monkeypatch.setattr(sql, "root", lambda: root)
    migrations.migrate(database_url)
    assert value(superuser, "select kronos.tick_id(gen_random_uuid(), now())") is not None


def test_functions_of_another_release_that_are_in_the_way_or_left_over_go(superuser: Connection, database_url: str) -> None:
    before = state(superuser)
    superuser.execute("set role kronos_owner")
    superuser.execute("drop function kronos.iso(timestamptz) cascade")
    superuser.execute("create function kronos.iso(p_old_name timestamptz) returns text language sql as $$ select 'x' $$")
    superuser.execute("create function kronos.of_another_release(integer) returns integer language sql as $$ select 1 $$")
    superuser.execute("comment on schema kronos is 'sql/ another'")
    superuser.execute("reset role")
    migrations.migrate(database_url)
    assert state(superuser) == before


def test_jobs_of_the_first_revision_tick_on_after_the_upgrade(superuser: Connection, bare: str) -> None:
    superuser.execute((sql.root() / "cluster.sql").read_text().encode())
    superuser.execute("set role kronos_owner")
    superuser.execute((revisions.scripts() / "versions" / "0001_initial.sql").read_text().encode())
    superuser.execute("create table kronos.schema_version (version_num varchar(32) primary key)")
    superuser.execute("insert into kronos.schema_version values ('0001')")
    endpoint = add_endpoint(superuser)
    job_id = uuid.uuid4()
    superuser.execute(
        """
        insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone, schedule, alarm, description,
                                 next_tick_at)
        values (%(job)s, %(job)s, %(workspace)s, %(endpoint)s, 'CRON', '30 9 * * 1', 'UTC',
                row(1::bigint << 30, 1 << 9, (1::bigint << 32) - 2, 8190, 2, true)::kronos.schedule, '30 9 * * 1', 'At 09:30 on Monday',
                '2026-03-09 09:30+00')
        """,
        {"job": job_id, "workspace": endpoint.workspace_id, "endpoint": endpoint.endpoint_id},
    )
    superuser.execute("reset role")
    migrations.migrate(bare)
    assert migrations.current(bare) == migrations.head()
    stored = "select schedule::text as old, kronos.parse_cron(cron)::text as new from kronos.jobs where job_id = %s"
    (found,) = records(superuser, stored, [job_id])
    assert found["old"] == found["new"].replace("f,,,UTC", "t,,,UTC")  # every_hour, which in UTC says nothing
    assert value(superuser, "select kronos.account_ticks(array[%s::uuid], '2026-03-16 09:30:05+00')", [job_id]) == 1
    assert (
        value(superuser, "select next_tick_at from kronos.pointers where job_id = %s", [job_id]).isoformat() == "2026-03-23T09:30:00+00:00"
    )
    assert values(superuser, "select schedule from cron.job where jobname = %s", [f"kronos:{job_id}"]) == ["30 9 * * 1"]


def test_intervals_and_one_shots_from_before_there_were_local_times_do_what_they_did(superuser: Connection, bare: str) -> None:
    superuser.execute((sql.root() / "cluster.sql").read_text().encode())
    superuser.execute("set role kronos_owner")
    for revision in ("0001_initial", "0002_schedules"):
        superuser.execute((revisions.scripts() / "versions" / f"{revision}.sql").read_text().encode())
    superuser.execute("create table kronos.schema_version (version_num varchar(32) primary key)")
    superuser.execute("insert into kronos.schema_version values ('0002')")
    endpoint = add_endpoint(superuser)
    every, delayed = uuid.uuid4(), uuid.uuid4()
    superuser.execute(
        """
        insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, every, anchor, timezone, schedule, alarm,
                                 description, next_tick_at)
        select %(job)s, %(job)s, %(workspace)s, %(endpoint)s, 'CRON', '2w', anchor, 'Europe/Berlin',
               row(null, null, null, null, null, null, null, null, null, null, 1209600, anchor, 'Europe/Berlin', 'SHIFT', 'FIRST')
               ::kronos.schedule, '0 8 * * 1', 'Every 14 days', anchor
          from (select timestamptz '2026-03-16 08:00+00' as anchor) as given
        """,
        {"job": every, "workspace": endpoint.workspace_id, "endpoint": endpoint.endpoint_id},
    )
    superuser.execute(
        """
        insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, run_at)
        values (%(job)s, %(job)s, %(workspace)s, %(endpoint)s, 'DELAYED', '2090-01-01 08:00+00')
        """,
        {"job": delayed, "workspace": endpoint.workspace_id, "endpoint": endpoint.endpoint_id},
    )
    superuser.execute("reset role")

    migrations.migrate(bare)

    assert value(superuser, "select kronos.account_ticks(array[%s::uuid], '2026-03-30 08:00:05+00')", [every]) == 1
    stored = (
        "select next_tick_at, anchor_local, (schedule).anchor_local as read, alarm from kronos.jobs join kronos.pointers using (job_id)"
    )
    stored += " where job_id = %s"
    (row,) = records(superuser, stored, [every])
    assert (row["next_tick_at"].isoformat(), row["anchor_local"], row["read"]) == ("2026-04-13T08:00:00+00:00", None, None)  # real time
    assert values(superuser, "select schedule from cron.job where jobname = %s", [f"kronos:{every}"]) == [row["alarm"]] == ["0 8 * * 1"]
    shown = records(superuser, "select anchor, anchor_local, run_at, run_at_local from kronos.job_details where job_id = %s", [delayed])
    assert [(row["anchor"], row["anchor_local"], row["run_at_local"]) for row in shown] == [(None, None, None)]


def test_a_history_with_instants_that_cannot_be_is_upgraded(superuser: Connection, bare: str) -> None:
    """An index with the distance of two instants refuses the infinite ones."""
    superuser.execute((sql.root() / "cluster.sql").read_text().encode())
    superuser.execute("set role kronos_owner")
    for revision in ("0001_initial", "0002_schedules"):
        superuser.execute((revisions.scripts() / "versions" / f"{revision}.sql").read_text().encode())
    superuser.execute("create table kronos.schema_version (version_num varchar(32) primary key)")
    superuser.execute("insert into kronos.schema_version values ('0002')")
    endpoint = add_endpoint(superuser)
    superuser.execute(
        """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status, scheduled_at,
                                           run_at, created_at, max_attempts, input)
        select gen_random_uuid(), %(workspace)s, gen_random_uuid(), %(endpoint)s, 1, 'API', 'SUCCESS', scheduled.at, now(), created.at, 1,
               '{}'
          from unnest(%(instants)s::timestamptz[]) as scheduled (at), unnest(%(instants)s::timestamptz[]) as created (at)
        """,
        {
            "workspace": endpoint.workspace_id,
            "endpoint": endpoint.endpoint_id,
            "instants": ["-infinity", "4714-11-24 00:00:00+00 BC", "2026-01-01 00:00:00+00", "294276-12-31 23:59:59.999999+00", "infinity"],
        },
    )
    superuser.execute("reset role")
    migrations.migrate(bare)
    assert migrations.current(bare) == migrations.head()
    assert value(superuser, "select count(*) from kronos.execution_done") == 25
    created = "select array_agg(distinct created_day::text order by created_day::text) from kronos.late_days"
    assert value(superuser, created) == ["-infinity", "2026-01-01", "294276-12-31", "4714-11-24 BC", "infinity"]


def test_what_a_deleted_workspace_left_unfinished_is_ended_by_the_upgrade(superuser: Connection, bare: str) -> None:
    """Once, creation and deletion could both commit, and a deletion looked at live jobs only."""
    superuser.execute((sql.root() / "cluster.sql").read_text().encode())
    superuser.execute("set role kronos_owner")
    for revision in ("0001_initial", "0002_schedules"):
        superuser.execute((revisions.scripts() / "versions" / f"{revision}.sql").read_text().encode())
    superuser.execute("create table kronos.schema_version (version_num varchar(32) primary key)")
    superuser.execute("insert into kronos.schema_version values ('0002')")
    gone, there = add_endpoint(superuser, max_in_flight=3), add_endpoint(superuser)
    for endpoint in (gone, there):
        superuser.execute(
            """
            with job as (
                insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger)
                select job_id, job_id, %(workspace)s, %(endpoint)s, 'IMMEDIATE'
                  from (select gen_random_uuid() as job_id from generate_series(1, 2)) as new
                returning job_id
            )
            insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, scheduled_at,
                                               run_at, visible_at, max_attempts, max_crashes, timeout_ms, input, attempt_count,
                                               claim_token, worker_id, claimed_at, holds_slot)
            select gen_random_uuid(), %(workspace)s, job_id, %(endpoint)s, 1, 'API', now(), now(), now(), 5, 3, 1000, '{}',
                   claimed::integer, case when claimed then gen_random_uuid() end, case when claimed then 'w' end,
                   case when claimed then now() end, claimed
              from (select job_id, row_number() over () = 1 as claimed from job) as numbered
            """,
            {"workspace": endpoint.workspace_id, "endpoint": endpoint.endpoint_id},
        )
    superuser.execute("update kronos.endpoint_gate set in_flight = 1 where endpoint_id = %s", [gone.endpoint_id])
    superuser.execute("update kronos.workspaces set status = 'DELETED', deleted_at = now() where workspace_id = %s", [gone.workspace_id])
    superuser.execute("reset role")

    migrations.migrate(bare)

    def of(endpoint: EndpointRow, query: str) -> list[object]:
        return values(superuser, query, [endpoint.endpoint_id])

    jobs = "select status from kronos.jobs where endpoint_id = %s"
    assert (of(gone, jobs), of(there, jobs)) == (["RETIRED"] * 2, ["ACTIVE"] * 2)
    executions = "select run.status from kronos.executions as run join kronos.jobs as job using (job_id) where endpoint_id = %s order by 1"
    assert (of(gone, executions), of(there, executions)) == (["CANCELLED"] * 2, ["QUEUED", "RUNNING"])
    attempts = "select attempt.status from kronos.attempt join kronos.execution_done using (execution_id) where endpoint_id = %s"
    assert (of(gone, attempts), of(there, attempts)) == (["LOST"], [])
    ends = "select deleted_at is not null from kronos.endpoints where endpoint_id = %s"
    assert (of(gone, ends), of(there, ends)) == ([True], [False])
    assert of(gone, "select in_flight from kronos.endpoint_gate where endpoint_id = %s") == [0]


def test_a_database_that_was_never_migrated_is_at_no_revision(bare: str) -> None:
    assert migrations.current(bare) is None


def test_a_server_that_is_not_there_is_said_to_be_unavailable() -> None:
    url = "postgresql://nobody@127.0.0.1:1/kronos"
    with pytest.raises(errors.DatabaseUnavailable):
        migrations.current(url)
    with pytest.raises(errors.Unconnected) as raised:
        migrations.migrate(url)
    assert raised.value.said.startswith("nothing listens at 127.0.0.1:1: does PostgreSQL run there")


@pytest.fixture
def administrator(server: Server, superuser: Connection, bare: str) -> Iterator[str]:
    """The URL, into a bare database, of a user who is no superuser and may do nothing special yet; no superuser prepared it."""
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


def test_a_user_without_the_rights_is_told_what_a_superuser_must_run_and_then_can_migrate(
    superuser: Connection, administrator: str
) -> None:
    with pytest.raises(errors.MigrationFailed, match="nothing was changed; let a superuser run once") as caught:
        migrations.migrate(administrator)
    assert value(superuser, "select to_regnamespace('kronos')") is None
    _, _, statements = str(caught.value).partition(f"in database {conninfo_to_dict(administrator)['dbname']}: ")
    assert statements
    superuser.execute(statements.encode())
    user = conninfo_to_dict(administrator)["user"]
    assert value(superuser, "select rolsuper from pg_roles where rolname = %s", [user]) is False
    migrations.migrate(administrator)
    migrations.migrate(administrator)
    assert len(values(superuser, "select jobname from cron.job where username = 'kronos_cron'")) == 4
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
    assert [each for each in found.values() if "could not be looked at" in each.detail] == []
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


def test_a_server_without_pg_cron_loaded_is_told_which_setting_loads_it(
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
