"""Upgrades during requests, deliveries, rings and reads: none waits for long."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psycopg
import pytest

from conftest import await_condition
from depth import depth
from factory import add_endpoint, add_executions
from kronos import errors, migrations, patience, repeatables
from migrations.releases import Release, next_release, wider_revision
from migrations.test_dependants import _ISO
from sql_factory import Connection, make_cron_job, value, values


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    return next_release(tmp_path, monkeypatch)


@pytest.fixture
def next_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return wider_revision(tmp_path, monkeypatch)


def test_requests_deliveries_and_rings_go_on_while_upgrades_are_under_way(
    superuser: Connection, database_url: str, release: Release
) -> None:
    """Three sessions work as their roles during upgrades by two migrators: no error, and each role gets its own answer
    every time."""
    job_id = make_cron_job(superuser, is_registered=True)
    workspace_id = value(superuser, "select workspace_id from kronos.jobs where job_id = %s", [job_id])
    add_executions(superuser, add_endpoint(superuser), 3)
    work = {
        "kronos_api": f"select count(*) from kronos.job_details where kronos.find_job('{job_id}') = job_id",
        "kronos_worker": "select 1 from kronos.upkeep(100)",
        "kronos_cron": f"select case when kronos.fire('{job_id}') >= 0 then 1 end",
    }
    done, rounds = threading.Event(), dict.fromkeys(work, 0)

    def goes_on(role: str) -> None:
        with psycopg.connect(database_url, autocommit=True, prepare_threshold=0) as connection:
            connection.execute(f"set role {role}")
            connection.execute("select set_config('kronos.workspace_id', %s, false)", [str(workspace_id)])
            while not done.wait(0.005):
                assert value(connection, work[role]) == 1
                rounds[role] += 1

    def each_has_worked_since(before: dict[str, int]) -> bool:
        return any(each.done() for each in workers) or all(rounds[role] > before[role] for role in work)

    with ThreadPoolExecutor(5) as threads:
        workers = [threads.submit(goes_on, role) for role in work]
        try:
            for number in range(depth(1, deep=3)):
                before = dict(rounds)
                release.touch_everything()
                for upgrade in [threads.submit(migrations.migrate, database_url) for _ in range(2)]:
                    upgrade.result()
                await_condition(
                    partial(each_has_worked_since, before),
                    f"each to work after upgrade {number}: {json.dumps(rounds)}",
                )
        finally:
            done.set()
        for each in workers:
            each.result()
    assert value(superuser, "select obj_description('kronos'::regnamespace)").startswith("sql/ ")


def test_an_upgrade_does_not_wait_for_a_reader(superuser: Connection, database_url: str, release: Release) -> None:
    """A dump or a report holds its locks for hours; unchanged functions, grants, views and policies need no lock that
    conflicts with them."""
    relations = values(
        superuser,
        "select oid::regclass::text from pg_class where relnamespace = 'kronos'::regnamespace and relkind in ('r', "
        "'p', 'v')",
    )
    release.edit(_ISO, "iso: an instant", "iso: changed")
    with psycopg.connect(database_url) as dump:
        for relation in relations:
            dump.execute(f"select from {relation} limit 0")
        migrations.migrate(database_url)
    assert value(superuser, "select obj_description('kronos'::regnamespace)") == f"sql/ {repeatables.digest()}"


class BegunError(Exception):
    """Raised where the schema's migrations would begin."""


def test_a_migration_has_all_its_locks_before_it_does_anything(
    superuser: Connection, database_url: str, next_revision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever table cannot be locked: no migration has begun, and no other session waited for work that is undone."""
    tables = values(
        superuser,
        """
        select oid::regclass::text from pg_class
         where relnamespace = 'kronos'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1
        """,
    )
    before = migrations.current(database_url)
    locked: list[list[object]] = []

    def begin(*_: object) -> None:
        locked.append(
            values(
                superuser,
                """
                select class.oid::regclass::text
                  from pg_locks as held
                  join pg_class as class on class.oid = held.relation and class.relnamespace = 'kronos'::regnamespace
                 where held.mode = 'AccessExclusiveLock' and held.granted
                   and class.relkind in ('r', 'p') and not class.relispartition
                   and held.database = (select oid from pg_database where datname = current_database())
                 order by 1
                """,
            )
        )
        raise BegunError

    monkeypatch.setattr(migrations, "_LOCK_TIMEOUT", "20ms")
    monkeypatch.setattr(migrations, "_TRIES", 1)
    monkeypatch.setattr("alembic.command.upgrade", begin)
    with pytest.raises(BegunError):
        migrations.migrate(database_url)
    assert locked == [tables]
    for table in (tables[0], tables[-1]):
        with psycopg.connect(database_url) as user:
            user.execute(f"select from {table} limit 0")
            with pytest.raises(errors.MigrationFailed, match="lock timeout"):
                migrations.migrate(database_url)
    assert locked == [tables], "a table that is in use was locked after the migrations have begun"
    assert migrations.current(database_url) == before != next_revision


def test_an_upgrade_that_is_in_the_way_gives_way_and_tries_again(
    superuser: Connection, database_url: str, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trigger's file locks its table against writers: the upgrade waits for a long write, a moment at a time."""
    monkeypatch.setattr(migrations, "_LOCK_TIMEOUT", "100ms")
    monkeypatch.setattr(patience, "_PAUSE_SECONDS", 0.01)
    release.touch_everything()
    tries = []
    upgrade = migrations._upgrade
    with psycopg.connect(database_url) as writer, ThreadPoolExecutor(1) as threads:
        writer.execute("lock table kronos.jobs in row exclusive mode")

        def counted(url: str, to: str) -> bool:
            tries.append(to)
            if len(tries) == 3:
                writer.rollback()
            return upgrade(url, to)

        monkeypatch.setattr(migrations, "_upgrade", counted)
        threads.submit(migrations.migrate, database_url).result()
    assert len(tries) == 3
    assert value(superuser, "select obj_description('kronos'::regnamespace)") == f"sql/ {repeatables.digest()}"
