"""A list that leaves rows out says so, and a filter that names nothing is an error, not an empty list."""

import json

import click
import pytest

from cli.answering import Answering
from cli.commands import Kronos, printed
from cli.test_lists_and_runs import a_page
from kronos.__main__ import main
from kronos.cli.exits import Exit

EMPTY = "Error: '' is neither a name nor an id: pass a name or an id\n"
LISTS = [
    ("alert ls", "incidents"),
    ("alert-rule ls", "alert-rules"),
    ("audit list", "audit"),
    ("backfill ls report", "jobs/report/backfills"),
    ("calendar ls", "calendars"),
    ("config ls", "configs"),
    ("dead-letter ls", "dead-letters"),
    ("endpoint ls", "endpoints"),
    ("execution ls", "executions"),
    ("heartbeat ls", "heartbeats"),
    ("heartbeat pings backup", "heartbeats/backup/pings"),
    ("heartbeat ticks backup", "heartbeats/backup/ticks"),
    ("job executions report", "jobs/report/executions"),
    ("job ls", "jobs"),
    ("operation ls", "operations"),
    ("organization ls", "/v1/organizations"),
    ("payload-spec ls", "payload-specs"),
    ("role-mapping ls", "role-mappings"),
    ("secret ls", "secrets"),
    ("workspace ls", "/v1/workspaces"),
]
"""Each list with a limit, and the path that it reads."""


@pytest.mark.parametrize("form", [[], ["--plain"], ["--json"]])
def test_rows_that_are_left_out_are_said_below_the_others(tell: Kronos, told: Answering, form: list[str]) -> None:
    told.answers["GET configs"] = a_page("a", "b", cursor="next")
    ended = tell("config", "ls", "--limit", "2", *form)
    assert (ended.exit_code, "b" in ended.stdout) == (0, True)
    assert ended.stderr == "limited to 2 rows: pass a higher --limit to see more\n"
    if form == ["--json"]:
        assert [row["name"] for row in json.loads(ended.stdout)] == ["a", "b"]


@pytest.mark.parametrize(("command", "line"), LISTS)
def test_each_list_with_a_limit_says_that_it_is_limited(tell: Kronos, told: Answering, command: str, line: str) -> None:
    told.answers[f"GET {line}"] = a_page("a", cursor="next")
    ended = tell(*command.split(), "--limit", "1")
    assert (ended.exit_code, ended.stderr) == (0, "limited to 1 row: pass a higher --limit to see more\n")


def test_these_are_all_lists_with_a_limit() -> None:
    """job ticks and system drift say in other words what is left."""
    context = click.Context(main)
    groups = {name: main.get_command(context, name) for name in main.list_commands(context)}
    limited = {
        f"{group_name} {name}"
        for group_name, group in groups.items()
        if isinstance(group, click.Group)
        for name, command in group.commands.items()
        if not command.hidden and any(option.name == "limit" for option in command.params)
    }
    assert {" ".join(command.split()[:2]) for command, _ in LISTS} == limited - {"job ticks", "system drift"}


def test_a_complete_list_says_nothing(tell: Kronos, told: Answering) -> None:
    told.answers["GET configs"] = a_page("a", "b")
    assert tell("config", "ls", "--limit", "2").stderr == ""


def test_a_glance_at_some_of_the_jobs_says_how_to_see_others(tell: Kronos, told: Answering) -> None:
    jobs = [{"job_id": f"019a3c1e-7c1b-7c52-9a51-{n:012x}", "name": f"n{n}"} for n in range(50)]
    told.answers["GET jobs"] = 200, {"data": jobs, "next_cursor": "next"}
    assert tell("job", "glance").stderr == "limited to 50 rows: name the jobs to see others\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("execution ls --job reprot", "no job 'reprot'"),
        ("execution ls --endpoint hok", "no endpoint 'hok'"),
        ("job ls --endpoint hok", "no endpoint 'hok'"),
        ("dead-letter ls --job reprot", "no job 'reprot'"),
        ("dead-letter ls --endpoint hok", "no endpoint 'hok'"),
        ("dead-letter groups --endpoint hok", "no endpoint 'hok'"),
        ("dead-letter groups --job reprot", "no job 'reprot'"),
        ("alert ls --job reprot", "no job 'reprot'"),
        ("alert ls --heartbeat bakcup", "no heartbeat 'bakcup'"),
        ("alert ls --rule falied", "no alert rule 'falied'"),
        ("job bulk pause --endpoint hok --dry-run", "no endpoint 'hok'"),
        ("job bulk cancel --endpoint hok --yes", "no endpoint 'hok'"),
        ("logs -f --job reprot", "no job 'reprot'"),
    ],
)
def test_a_filter_that_names_nothing_is_an_error(kronos: Kronos, command: str, said: str) -> None:
    lines = printed(kronos, *command.split(), code=Exit.NOT_FOUND)
    assert lines[0].startswith(f"! Error: {said} in workspace ")


@pytest.mark.parametrize(
    "command",
    [
        *("execution ls --job", "execution ls --endpoint", "job ls --endpoint", "dead-letter ls --job"),
        *("dead-letter groups --endpoint", "alert ls --job", "alert ls --heartbeat", "alert ls --rule"),
        "logs -f --job",
    ],
)
def test_an_empty_filter_is_an_error(kronos: Kronos, command: str) -> None:
    """A script's variable that is not set: the answer was that nothing ran, or that nothing breaks a rule."""
    ended = kronos(*command.split(), "")
    assert (ended.exit_code, ended.stderr) == (Exit.USAGE, EMPTY)


def test_a_filter_that_names_something_finds_nothing_without_an_error(kronos: Kronos) -> None:
    ended = kronos("job", "ls", "--endpoint", "sink", "--status", "RETIRED")
    assert (ended.exit_code, ended.stderr.startswith("no job matches")) == (0, True)
