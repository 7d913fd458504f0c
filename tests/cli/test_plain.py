"""--plain works for every command: tab-separated rows, or one field per line, and no output meant for people."""

import json
import re
import shlex
from collections.abc import Callable, Iterator

import click
import pytest
from click.testing import CliRunner, Result

from cli.answering import Answering, answering
from cli.commands import Kronos
from cli.test_every_route import COMMANDS
from kronos.__main__ import main


@pytest.fixture(scope="module")
def answers() -> Iterator[Answering]:
    with answering() as made:
        yield made


@pytest.fixture
def ask(answers: Answering) -> Callable[[str], Result]:
    known = {"KRONOS_URL": answers.url, "KRONOS_API_KEY": "kr_live_x", "KRONOS_WORKSPACE": "acme"}
    return lambda typed: CliRunner().invoke(main, shlex.split(typed), env=known, input="x", catch_exceptions=False)


def has_plain(typed: str) -> bool:
    """Whether the command has output forms. Deleting prints a sentence, and `export` writes a file."""
    words = typed.split()
    found: click.Command | None = main
    for word in words:
        if not isinstance(found, click.Group):
            break
        found = found.get_command(click.Context(found), word)
    is_form = found is not None and any(each.name == "as_plain" and not each.hidden for each in _options(found))
    return is_form and not {"rm", "revoke", "export", "apply", "plan"} & set(words)


def _options(command: click.Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option)]


def test_no_command_says_sentences_to_a_program(ask: Callable[[str], Result]) -> None:
    wrong = {}
    for typed in {*COMMANDS.values(), "wait 019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10", "lint daily"}:
        if not has_plain(typed):
            continue
        shown = ask(f"{typed} --plain").stdout
        if bad := [line for line in shown.splitlines() if "\t" not in line and re.search("[a-z] +[a-z]", line)]:
            wrong[typed] = bad
    assert wrong == {}


def test_an_overview_is_its_fields(kronos: Kronos) -> None:
    rows = dict(line.split("\t") for line in kronos("overview", "--plain").stdout.splitlines())
    assert (rows["delivered"], rows["failing"], rows["late"]) == ("0", "[]", "[]")
    assert json.loads(rows["queue"])["waiting"] == 0


def test_a_load_is_its_minutes(kronos: Kronos) -> None:
    kronos("endpoint", "create", "hook", "--to", "https://example.com/a")
    kronos("job", "create", "hourly", "--endpoint", "hook", "--cron", "7 * * * *")
    rows = [line.split("\t") for line in kronos("load", "--plain").stdout.splitlines()]
    assert (len(rows), {runs for _, runs in rows}) == (24, {"1"})
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:07:00Z", at) for at, _ in rows)
    (job,) = kronos("load", "--at", rows[0][0], "--plain").stdout.splitlines()
    assert job.split("\t")[:2] == ["hourly", "hook"]


def test_a_decision_is_its_fields(kronos: Kronos) -> None:
    kronos("endpoint", "create", "hook", "--to", "https://example.com/a")
    kronos("job", "create", "report", "--endpoint", "hook", "--cron", "0 9 1 1 *")
    rows = dict(line.split("\t") for line in kronos("job", "explain", "report", "--plain").stdout.splitlines())
    assert json.loads(rows["steps"])[0]["step"] == "version"
    assert rows["decision"] == "NOT_DUE"


def test_lints_are_rows(kronos: Kronos) -> None:
    rows = [line.split("\t") for line in kronos("lint", "61 * * * *", "--plain").stdout.splitlines()]
    assert [(row[0], row[1], row[4]) for row in rows] == [("error", "61 * * * *", "Write a number from 0 to 59.")]
