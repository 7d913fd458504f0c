"""A password or key goes only to the local instance that it is of: not where libpq's variables lead, nor where another
user's home does."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from cli.test_mistakes import assert_told, bare, run
from kronos.cli import import_pg_cron
from kronos.embedded.home import Home, HomeLock

__all__ = ["bare"]


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Writes the run.json of a home whose lock is held, and returns the home."""
    home = Home(tmp_path)
    home.admin_key_file.write_text("kr_live_theirs")
    named = {"url": "http://127.0.0.1:1", "admin_key_file": str(home.admin_key_file), "pid": os.getpid()}

    def write(database_url: str) -> str:
        home.run_json.write_text(json.dumps(named | {"database_url": database_url}))
        return str(tmp_path)

    with HomeLock(home, "http://127.0.0.1:1"):
        yield write


_SERVER = "postgresql://postgres:sekrit@127.0.0.1:1/kronos"


@pytest.mark.parametrize("command", [("doctor",), ("key", "list", "--instance"), ("workspace", "ls-sql")], ids=" ".join)
def test_no_variable_of_libpq_leads_the_password_of_a_local_instance_elsewhere(
    command: tuple[str, ...], written: Callable[[str], str]
) -> None:
    told = run(*command, KRONOS_HOME=written(_SERVER), PGSERVICE="elsewhere", PGHOSTADDR="192.0.2.1")
    assert "nothing listens at 127.0.0.1:1" in told.output
    assert "elsewhere" not in told.output


def test_no_variable_of_libpq_leads_the_password_of_a_file_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "url"
    file.write_text(_SERVER)
    monkeypatch.setenv("PGSERVICE", "elsewhere")
    with pytest.raises(click.ClickException, match=r"127\.0\.0\.1:1"), import_pg_cron.opened(file):
        raise AssertionError


def test_a_home_of_another_user_gets_no_key_of_the_environment(
    written: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address is that user's, and they could point it anywhere."""
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    home = {"KRONOS_HOME": written(_SERVER)}
    told = run("job", "ls", "-w", "w", **home, KRONOS_API_KEY="kr_live_mine")
    assert_told(told, "KRONOS_API_KEY is not sent to the instance in KRONOS_HOME, which another user runs", code=2)
    assert_told(run("job", "ls", "-w", "w", **home), "http://127.0.0.1:1 cannot be reached", code=6)
    written("postgresql:///k")  # of libpq's own variables, and of this user's password file
    told = run("doctor", **home)
    assert_told(told, "which is another user's: none is running in it, or its run.json names a key or a server", code=2)
