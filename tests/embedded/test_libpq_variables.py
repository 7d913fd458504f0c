"""libpq's environment variables of the shell affect no connection that they were not meant for."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import forked
from conftest import await_condition
from embedded.shells import OF_ANOTHER_SERVER, kronos, quick_kronos
from kronos.__main__ import main
from sql_factory import Connection, value

# Variables that complete a URL apply where the URL leaves something open. Here the URL is complete, and the server has
# no TLS to ask for.
FILL_IN = {name for name in OF_ANOTHER_SERVER if name.startswith(("PGSSL", "PGREQUIRE", "PGCHANNEL", "PGGSS", "PGMIN"))}
HOSTILE = {name: text for name, text in OF_ANOTHER_SERVER.items() if name not in FILL_IN}


@pytest.mark.parametrize(
    "command",
    [("migrate",), ("migrate", "--dry-run"), ("next", "0 9 * * *"), ("retention", "run", "--dry-run")],
    ids=" ".join,
)
def test_a_command_goes_where_its_url_says(database_url: str, command: tuple[str, ...]) -> None:
    start = kronos if command == ("migrate",) else quick_kronos  # one as a shell starts it, the others forked
    ended = start(*command, KRONOS_DATABASE_URL=database_url, KRONOS_TYPO="1", **HOSTILE)
    if command == ("migrate",):  # migrated, but pg_cron serves another database
        assert (ended.returncode, "rings nothing in kronos_test_" in ended.stderr) == (1, True), ended.stderr
    else:
        assert ended.returncode == 0, ended.stderr
    assert "KRONOS_TYPO is not a setting of this release" in ended.stderr


def test_what_fills_in_for_a_url_is_heeded(database_url: str) -> None:
    ended = quick_kronos("next", "0 9 * * *", KRONOS_DATABASE_URL=database_url, PGSSLMODE="require")
    assert (ended.returncode, "has TLS switched off, but sslmode requires it" in ended.stderr) == (6, True), (
        ended.stderr
    )


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_process_goes_where_its_url_says(database_url: str, superuser: Connection, command: str) -> None:
    environment = {**os.environ, "KRONOS_DATABASE_URL": database_url, "KRONOS_PORT": "0", **HOSTILE}
    with forked.speaking(command, environment):
        name = {"serve": "kronos-api", "worker": "kronos-worker-listen"}[command]
        connected = "select count(*) from pg_stat_activity where datname = current_database() and application_name = %s"
        await_condition(lambda: value(superuser, connected, [name]) > 0, f"{command}'s connection", seconds=60)


def in_process(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"KRONOS_TYPO": "1", **environment})


def test_settings_that_mean_nothing_are_named_by_every_command(tmp_path: Path) -> None:
    over_the_api = (("workspace", "ls"), *((each, "ls", "-w", "y") for each in ("endpoint", "job", "execution")))
    for command in (
        *over_the_api,
        ("key", "list", "--instance"),
        ("doctor",),
        ("next", "* * * * *"),
        ("retention", "run"),
    ):
        ended = in_process(
            *command, KRONOS_DATABASE_URL="postgresql://app@127.0.0.1:1/app", XDG_DATA_HOME=str(tmp_path)
        )
        assert "KRONOS_TYPO is not a setting of this release: ignored" in ended.stderr, command


def test_kronos_up_tells_of_them_too(tmp_path: Path) -> None:
    ended = in_process("up", "--home", str(tmp_path), "--host", "nosuchhost.invalid", KRONOS_LEASE_SECONDS="no")
    assert "KRONOS_TYPO is not a setting of this release: ignored" in ended.stderr
    assert "KRONOS_LEASE_SECONDS" in ended.stderr


def test_without_a_url_and_an_instance_here_it_says_so(tmp_path: Path) -> None:
    for command in (("doctor",), ("next", "0 9 * * *"), ("retention", "run")):
        ended = in_process(*command, XDG_DATA_HOME=str(tmp_path))
        assert (
            ended.exit_code,
            "KRONOS_DATABASE_URL is not set, and no running `kronos up` was found" in ended.stderr,
        ) == (
            2,
            True,
        ), ended.stderr
