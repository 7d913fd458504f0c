"""`kronos migrate` as a command: what it writes in addition to the schema, and what it reports when part of that fails
or pg_cron does not ring."""

from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from kronos import instance_settings, migrations, ringing
from kronos.__main__ import main
from kronos.ringing import Ringing
from sql_factory import Connection, value

RINGS = Ringing(verdict="yes", detail="pg_cron rang 1 s ago", fix=None)
_ADMINS = "select count(*) from kronos.api_keys where role = 'instance_admin'"


@pytest.fixture
def passwords(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, str]]:
    """The passwords that were set; they are not really changed, because other tests share the server's roles."""
    set_so_far: list[Mapping[str, str]] = []
    monkeypatch.setattr(instance_settings, "set_passwords", lambda _, given: set_so_far.append(dict(given)))
    return set_so_far


def _migrate(url: str, **environment: str) -> Result:
    return CliRunner().invoke(
        main, ["migrate"], env={"KRONOS_DATABASE_URL": url, **environment}, catch_exceptions=False
    )


def _says(monkeypatch: pytest.MonkeyPatch, rung: Ringing) -> None:
    monkeypatch.setattr(ringing, "check", lambda url, progress: rung)


def test_keys_and_passwords_that_it_is_told_of_are_made_once(
    superuser: Connection,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    passwords: list[Mapping[str, str]],
) -> None:
    _says(monkeypatch, RINGS)
    superuser.execute("delete from kronos.api_keys")
    files = {"KRONOS_ADMIN_KEY_FILE": tmp_path / "admin.key", "KRONOS_ENCRYPTION_KEY_FILE": tmp_path / "encryption.key"}
    told = {name: str(path) for name, path in files.items()}
    made = _migrate(database_url, KRONOS_API_PASSWORD="canary", KRONOS_WORKER_PASSWORD="", **told)
    assert (made.exit_code, made.stdout) == (
        0,
        f"migrated from {migrations.head()} to {migrations.head()}\npg_cron rang 1 s ago\n",
    )
    assert "canary" not in made.output
    assert passwords == [{"kronos_api": "canary"}]
    contents = [path.read_text() for path in files.values()]
    assert (value(superuser, _ADMINS), [path.stat().st_mode & 0o777 for path in files.values()]) == (1, [0o600, 0o600])
    assert not any(line.strip() in made.output for text in contents for line in text.splitlines())

    again = _migrate(database_url, **told)
    assert (again.exit_code, passwords[1:]) == (0, [{}])
    assert ([path.read_text() for path in files.values()], value(superuser, _ADMINS)) == (contents, 1)


def test_encryption_keys_that_cannot_be_read_are_told_and_all_else_is_done(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _says(monkeypatch, RINGS)
    (tmp_path / "keys").write_text("no key\n")
    found = _migrate(database_url, KRONOS_ENCRYPTION_KEY_FILE=str(tmp_path / "keys"))
    assert found.exit_code == 1
    assert "Error: the database is at this release, but " in found.stderr
    assert str(tmp_path / "keys") in found.stderr


@pytest.mark.parametrize(
    ("rung", "code", "told"),
    [
        (RINGS, 0, "pg_cron rang 1 s ago\n"),
        (
            Ringing(verdict="unknown", detail="it could not be seen", fix="run `kronos doctor`"),
            0,
            "warning: it could not be seen\n  fix: run `kronos doctor`\n",
        ),
        (
            Ringing(verdict="no", detail="its launcher is not running", fix=None),
            1,
            "Error: the database is at this release, but its launcher is not running: ticks are late, "
            "because workers ring instead\n",
        ),
    ],
)
def test_whether_pg_cron_rings_is_the_last_that_it_says(
    database_url: str, monkeypatch: pytest.MonkeyPatch, rung: Ringing, code: int, told: str
) -> None:
    _says(monkeypatch, rung)
    found = _migrate(database_url)
    assert found.exit_code == code
    assert found.output.endswith(told)


class _Refused(psycopg.Error):
    """An error of PostgreSQL's, by its code."""

    def __init__(self, sqlstate: str, text: str) -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("sqlstate", "text", "told"),
    [
        ("25006", "cannot execute CREATE TABLE", "read-only standby; nothing was changed"),
        ("2BP01", "cannot drop view", "Nothing was changed. Drop your own object, migrate, then create it again"),
        ("42P01", 'relation "kronos.jobs" does not exist', "restore the backup (`kronos doctor` lists what is gone)"),
        ("42704", 'type "kronos.schedule" does not exist', "restore the backup"),
        ("42703", 'column "x" does not exist', "restore the backup"),
        ("55000", 'unrecognized configuration parameter "cron.host"', "is not loaded in this server"),
        ("55000", "pg_cron can only be loaded via shared_preload_libraries", "shared_preload_libraries, set cron."),
        ("0A000", "can only create extension in database postgres", "here it is not acme"),
        ("22012", "division by zero", "division by zero (22012); nothing was changed"),
    ],
)
def test_an_error_of_a_migration_says_what_to_do(sqlstate: str, text: str, told: str) -> None:
    found = migrations._explained(_Refused(sqlstate, text), "postgresql://boss:canary@db/acme")
    assert told in found.detail
    assert "canary" not in found.detail


def test_a_connection_that_is_lost_is_no_half_of_a_migration() -> None:
    lost = psycopg.OperationalError("server closed the connection unexpectedly")
    assert (
        "run `kronos migrate` again, it completes what is missing" in migrations._explained(lost, "dbname=acme").detail
    )
