"""Behind pgbouncer: in session mode everything works; in the other modes nothing starts, and the error says which
setting to change."""

import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import psycopg
import pytest

import forked
from conftest import await_condition, make_workspace, running_api
from factory import status_of
from kronos import database, errors, migrations, readiness, session
from kronos.cli.exits import Exit
from kronos.pool import Pool
from kronos.worker.link import Link, Outage
from session.pooler import PROGRAM, pgbouncer
from sql_factory import Connection, make_cron_job, value

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed: apt install pgbouncer")

_SESSIONS = "pool_mode = session"


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that pgbouncer's user can enter."""
    with tempfile.TemporaryDirectory(prefix="kronos-pooler-") as made:
        yield Path(made)


@pytest.fixture
def login(superuser: Connection) -> Iterator[str]:
    """A login as documented: a member of both roles."""
    name = f"app_{uuid.uuid4().hex[:8]}"
    superuser.execute(f"create role {name} login password 'test-only' in role kronos_api, kronos_worker")
    yield name
    superuser.execute(f"drop role {name}")


def environment(url: str, **more: str) -> dict[str, str]:
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("KRONOS_")}
    return inherited | {"KRONOS_DATABASE_URL": url, "KRONOS_PORT": "0", "KRONOS_EGRESS_ALLOW": "127.0.0.0/8"} | more


def test_in_session_mode_the_api_works_and_a_worker_hears_of_work(
    superuser: Connection, database_url: str, directory: Path, login: str, tmp_path: Path
) -> None:
    """LISTEN, prepared statements and session settings; with the startup options dropped, a usual configuration."""
    with pgbouncer(directory, database_url, mode="session", user=login, password="test-only") as url:
        with running_api(database_url, tmp_path) as direct:
            slug = make_workspace(direct.client)
            stranger = make_cron_job(superuser)
            key = direct.key
        of_worker = environment(url, KRONOS_POLL_SECONDS="60")
        with (
            forked.speaking("serve", environment(url)) as (serving, said),
            forked.speaking("worker", of_worker) as (working, _),
        ):
            found = next(found for line in said if (found := re.search(r"listening on (http://\S+)", line)))
            with httpx.Client(base_url=found[1], headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
                for _ in range(12):  # more often than it takes to prepare a statement
                    assert client.get(f"/v1/workspaces/{slug}/jobs").json() == {"data": [], "next_cursor": None}
                assert client.get(f"/v1/workspaces/{slug}/jobs/{stranger}/next-runs").status_code == 404
                listens = "select count(*) from pg_stat_activity where application_name = 'kronos-worker-listen'"
                await_condition(lambda: value(superuser, listens) > 0, "the worker to listen", seconds=60)
                made = client.post(
                    f"/v1/workspaces/{slug}/jobs", json={"endpoint": "sink", "trigger": "IMMEDIATE", "input": {"n": 1}}
                ).raise_for_status()
                execution_id = made.json()["execution"]["execution_id"]
                await_condition(
                    lambda: status_of(superuser, execution_id) in ("RETRYING", "FAILED"),
                    "the worker to try, woken",
                )
            acting = (
                "select bool_and(usename = %s) from pg_stat_activity"
                " where datname = current_database() and application_name like 'kronos-%%'"
            )
            assert value(superuser, acting, [login]) is True
        assert (serving.returncode, working.returncode) == (0, 0)


@pytest.mark.parametrize("mode", ["transaction", "statement"])
@pytest.mark.parametrize(
    "options", [{}, {"server_round_robin": "1", "min_pool_size": "5"}], ids=["last", "round-robin"]
)
def test_in_another_mode_no_process_starts(
    superuser: Connection, database_url: str, directory: Path, login: str, mode: str, options: dict[str, str]
) -> None:
    with pgbouncer(directory, database_url, mode=mode, user=login, password="test-only", **options) as url:
        for role in ("kronos_api", "kronos_worker"):
            with pytest.raises(errors.SessionRefused, match=_SESSIONS):
                session.connect(url, session.wanted(role)).close()
        for command in ("serve", "worker"):
            ended = forked.run(command, environment(url))
            assert ended.returncode == Exit.REFUSED
            assert _SESSIONS in ended.stderr


def test_in_transaction_mode_a_migration_changes_nothing(
    superuser: Connection, database_url: str, directory: Path
) -> None:
    name = f"admin_{uuid.uuid4().hex[:8]}"
    superuser.execute(f"create role {name} superuser login password 'test-only'")
    try:
        with (
            pgbouncer(directory, database_url, mode="transaction", user=name, password="test-only") as url,
            pytest.raises(errors.SessionRefused, match=_SESSIONS),
        ):
            migrations.migrate(url)
    finally:
        superuser.execute(f"drop role {name}")


def is_ended(connection: psycopg.AsyncConnection) -> bool:
    return not session.is_quiet(connection)


async def test_a_pooler_that_ends_idle_clients_fails_no_statement(
    superuser: Connection, database_url: str, directory: Path, login: str
) -> None:
    with pgbouncer(
        directory, database_url, mode="session", user=login, password="test-only", client_idle_timeout="1"
    ) as url:
        async with Pool(url, size=2, wait_seconds=60) as pool:
            view = database.InstanceView(pool)
            for _ in range(3):
                assert (await readiness.get(view)).internal_jobs > 0
                async with await psycopg.AsyncConnection.connect(url, autocommit=True) as idle_as_long:
                    await_condition(partial(is_ended, idle_as_long), "pgbouncer to end an idle client")
            assert (await readiness.get(view)).internal_jobs > 0


def test_in_session_mode_a_migration_works(superuser: Connection, database_url: str, directory: Path) -> None:
    name = f"admin_{uuid.uuid4().hex[:8]}"
    superuser.execute(f"create role {name} superuser login password 'test-only'")
    superuser.execute("drop function kronos.end_jobs")
    try:
        with pgbouncer(directory, database_url, mode="session", user=name, password="test-only") as url:
            migrations.migrate(url)
        assert value(superuser, "select to_regproc('kronos.end_jobs') is not null")
    finally:
        superuser.execute(f"drop role {name}")


async def test_a_pool_that_was_turned_to_transactions_is_not_used_any_more(
    superuser: Connection, database_url: str, directory: Path, login: str
) -> None:
    """Each new connection proves it again."""
    with pgbouncer(directory, database_url, mode="transaction", user=login, password="test-only") as url:
        async with Pool(url, size=1) as pool:
            with pytest.raises(errors.DatabaseUnavailable, match=_SESSIONS):
                await database.WorkspaceView(pool, "any").enter()
        said: list[str] = []
        outage = Outage()
        outage.begins = lambda link, why: said.append(why)  # type: ignore[method-assign]
        link = Link(url, "test", outage)
        with pytest.raises(errors.SessionRefused, match=_SESSIONS):
            await link._connect()


def test_a_pooler_without_a_session_to_spare_is_no_reason_to_refuse(
    superuser: Connection, database_url: str, directory: Path, login: str
) -> None:
    with (
        pgbouncer(
            directory, database_url, mode="session", user=login, password="test-only", default_pool_size="1"
        ) as url,
        session.connect(url, session.wanted("kronos_api")) as connection,
    ):
        assert value(connection, "select current_user::text") == "kronos_api"
        assert connection.info.backend_pid != value(connection, "select pg_backend_pid()"), (
            "pgbouncer reports a key of its own"
        )


def test_without_a_pooler_one_connection_is_enough(superuser: Connection, database_url: str) -> None:
    """No second connection if PostgreSQL itself answers: its process id is the one that the connection received."""
    before = value(superuser, "select count(*) from pg_stat_activity where datname = current_database()")
    with session.connect(database_url, session.wanted("kronos_api")) as connection:
        assert connection.info.backend_pid == value(connection, "select pg_backend_pid()")
        assert (
            value(superuser, "select count(*) from pg_stat_activity where datname = current_database()") == before + 1
        )
