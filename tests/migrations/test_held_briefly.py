"""The work of an upgrade while it holds its locks and all others wait: as little as possible."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from kronos import repeatable_files, repeatables, sql
from migrations.releases import next_release
from sql_factory import value, values

_COMMENTED = "select count(*) from pg_proc where pronamespace = 'kronos'::regnamespace and prosrc like '%next release%'"


class Counting(psycopg.Connection[tuple[Any, ...]]):
    """A connection that counts its messages."""

    sent = 0

    def execute(self, *given: Any, **options: Any) -> psycopg.Cursor[tuple[Any, ...]]:
        self.sent += 1
        return super().execute(*given, **options)


@contextmanager
def upgrading(url: str) -> Iterator[tuple[Counting, repeatables.Upgrade]]:
    """An upgrade of a release that changes a table, before it has locked anything; it is committed in the end."""
    with Counting.connect(url) as driver:
        driver.execute("set local role kronos_owner")
        yield driver, repeatables.Upgrade(driver)


def finish(upgrade: repeatables.Upgrade) -> None:
    upgrade.begin(is_schema_changed=True)
    upgrade.finish()


def test_what_replaces_each_function_and_view_sends_few_messages(
    superuser: psycopg.Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There were six messages per function: 4 s on a processor that ten processes want, 0.3 s of them the upgrade's own
    work."""
    release = next_release(tmp_path, monkeypatch)
    for path in release.root.glob("functions/*/*.sql"):
        text = path.read_text()
        path.write_text(text.replace("\n$$;", "\n-- of the next release\n$$;") + "-- of the next release\n")
    with upgrading(database_url) as (driver, upgrade):
        finish(upgrade)
    assert value(superuser, _COMMENTED) > 400
    assert driver.sent < 100


def test_a_function_that_cannot_be_replaced_costs_the_others_little(
    superuser: psycopg.Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = next_release(tmp_path, monkeypatch)
    release.touch_everything()
    superuser.execute("set role kronos_owner")
    superuser.execute("drop function kronos.iso(timestamptz) cascade")
    superuser.execute("create function kronos.iso(p_old timestamptz) returns text language sql as $$ select 'x' $$")
    superuser.execute("reset role")
    with upgrading(database_url) as (driver, upgrade):
        finish(upgrade)
    assert value(superuser, "select kronos.iso('2026-01-01 12:00:00+00')") != "x"
    assert driver.sent < 180


def test_its_files_are_read_before_it_locks_anything(
    superuser: psycopg.Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = next_release(tmp_path, monkeypatch)
    release.touch_everything()
    mark = repeatable_files.read().mark
    with upgrading(database_url) as (driver, upgrade):
        locked = values(driver, "select 1 from pg_locks where pid = pg_backend_pid() and mode = 'AccessExclusiveLock'")
        shutil.rmtree(sql.root())
        finish(upgrade)
    assert locked == []
    assert value(superuser, "select obj_description('kronos'::regnamespace)") == mark
