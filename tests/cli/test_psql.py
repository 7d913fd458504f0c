"""kronos psql: opens the instance's database, with the password in the environment and not on the command line."""

import os
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner, Result

from kronos.__main__ import main


class Started(Exception):
    """The arguments and environment that psql would have been started with."""

    def __init__(self, program: str, arguments: list[str], environment: dict[str, str]) -> None:
        self.program, self.arguments, self.environment = program, arguments, environment


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A psql on the PATH that is never run."""
    made = tmp_path / "psql"
    made.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    def start(program: str, arguments: list[str], environment: dict[str, str]) -> NoReturn:
        raise Started(program, arguments, environment)

    monkeypatch.setattr(os, "execve", start)
    return str(made)


def psql(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["psql", *arguments], env={"KRONOS_DATABASE_URL": url})


def test_the_password_is_in_the_environment_alone_and_arguments_are_psqls_own(program: str) -> None:
    started = psql("postgresql://kronos:s3cret%27@db.example:6432/main?sslmode=require", "-c", "select 1", "--csv")
    assert isinstance(started.exception, Started), started.output
    assert started.exception.program == program
    first, option, target, *rest = started.exception.arguments
    assert (first, option, rest) == (program, "--dbname", ["-c", "select 1", "--csv"])
    assert dict(part.split("=", 1) for part in target.split(" ")) == {
        "user": "'kronos'", "host": "'db.example'", "port": "'6432'", "dbname": "'main'", "sslmode": "'require'",
    }  # fmt: skip
    assert started.exception.environment["PGPASSWORD"] == "s3cret'"
    assert "s3cret" not in " ".join(started.exception.arguments)


def test_a_name_with_a_quote_stays_one_name(program: str) -> None:
    started = psql("postgresql://kronos@db.example/o%27brien%5Cx")
    assert isinstance(started.exception, Started), started.output
    assert r"dbname='o\'brien\\x'" in started.exception.arguments[2]
    assert "PGPASSWORD" not in started.exception.environment


def test_what_would_stand_on_the_command_line_is_refused(program: str) -> None:
    refused = psql("postgresql://kronos@db.example/main?sslpassword=hush")
    assert (refused.exit_code, "the database URL contains sslpassword" in refused.output) == (1, True)
    assert "hush" not in refused.output


def test_without_psql_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = psql("postgresql://kronos@db.example/main")
    assert (missing.exit_code, "install postgresql-client" in missing.output) == (1, True)
