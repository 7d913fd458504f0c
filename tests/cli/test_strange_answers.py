"""Every command against a server that is not an API, and with odd arguments and locations: a message, never a
traceback."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import quick
from cli.stranger import Stranger
from depth import depth
from kronos.__main__ import main
from kronos.cli import following
from kronos.cli.command import Api
from kronos.cli.exits import Exit

Ask = Callable[..., Result]
_GROUPS = (
    *("workspace", "endpoint", "job", "execution"),
    *("backfill", "operation", "dead-letter", "system", "role-mapping"),
)
_ALONE = (
    ("overview",),
    ("audit", "head"),
    ("audit", "list"),
    ("load",),
    ("load", "--at", "2026-12-01T09:00:00Z"),
    ("me",),
    ("lint", "daily"),
    ("lint",),
    ("wait", "a-0"),
    ("job", "run", "a-0", "--wait"),
    ("job", "glance"),
    ("retention", "get"),
    ("retention", "edit", "--success-days", "5"),
)
_GIVEN = {
    "role-mapping create": ("--role", "viewer"),
    "endpoint create": ("--to", "https://example.com/a"),
    "job create": ("--endpoint", "hook", "--now"),
    "job create-many": ("--jobs", "[{}]"),
    "job bulk": ("--all",),
    "job diff": ("--cron", "0 7 * * *"),
    "job backfill": ("--from", "2020-01-06T00:00:00Z", "--to", "2020-01-07T00:00:00Z"),
}


def verbs() -> Iterator[tuple[str, ...]]:
    """Each command with its required arguments."""
    context = click.Context(main)
    for name in _GROUPS:
        group = main.get_command(context, name)
        assert isinstance(group, click.Group)
        for verb, command in list(group.commands.items()):
            if command.hidden or all(each.name != "as_json" for each in command.params):
                continue  # the administrator's, in the database
            names = [
                each.type.choices[0] if isinstance(each.type, click.Choice) else f"a-{at}"
                for at, each in enumerate(command.params)
                if isinstance(each, click.Argument) and each.required
            ]
            yes = ("--yes",) if any("--yes" in each.opts for each in command.params) else ()
            yield (name, verb, *names, *yes, *_GIVEN.get(f"{name} {verb}", ()))
    yield from _ALONE


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request for which there is no room is not repeated."""
    monkeypatch.setattr(following, "_FIRST_PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(following, "_PATIENCE_SECONDS", 0.0)


@pytest.fixture
def ask(stranger: Stranger) -> Ask:
    """Run a command against the stranger. An exception that it does not catch, which would be a traceback, is raised
    here."""
    known = {"KRONOS_URL": stranger.url, "KRONOS_API_KEY": "k", "KRONOS_WORKSPACE": "w"}

    def run(*arguments: str, **env: str) -> Result:
        return CliRunner().invoke(main, list(arguments), env=known | env, catch_exceptions=False)

    return run


_ENDLESS = {"data": [{}], "next_cursor": "more"}
_EXPLAINED = {"job_id": 1, "decision": [], "because": 2, "code": 3, "at": 4, "tick": 5, "name": 6, "title": 7}
_OF_NOBODY: list[object] = [
    {},
    {"data": None},
    {"data": "rows", "next_cursor": None},
    {"data": [1, None], "next_cursor": None},
    {"data": [{}], "next_cursor": 7},
    {"data": [], "next_cursor": "more"},
    _ENDLESS,
    {"next_runs": {}, "spec": [], "retry_policy": 1, "version": {}, **_EXPLAINED, "steps": [1]},
    {"next_runs": [[]], "spec": {}, "retry_policy": {}, "version": "x", **_EXPLAINED, "steps": [{}]},
]


_VERBS = list(verbs())


@pytest.mark.parametrize("verb", _VERBS, ids=" ".join)
def test_no_answer_is_too_strange_for_a_sentence(ask: Ask, stranger: Stranger, verb: tuple[str, ...]) -> None:
    """Each document in each command's text; as JSON, every second one, and the others in the next command."""
    for at, document in enumerate(_OF_NOBODY, _VERBS.index(verb)):
        for more in ((), ("--json",)) if at % depth(2, deep=1) == 0 else ((),):
            stranger.answers(200, json.dumps(document).encode())
            answer = ask(*verb, *more)
            assert answer.exit_code in (Exit.DONE, Exit.FAILED), (document, answer.output)
            assert len(answer.stderr.splitlines()) <= 1
    for status, body, exits in (
        (204, b"", (Exit.DONE, Exit.FAILED)),
        (200, b'{"status": ' + b"9" * 5000 + b"}", (Exit.FAILED,)),
        (200, b'{"name": "\\ud800"}', (Exit.FAILED,)),
        (500, b"{}", (Exit.FAILED,)),
        (429, b"[]", (Exit.UNAVAILABLE,)),
    ):
        stranger.answers(status, body)
        assert ask(*verb).exit_code in exits


def test_a_page_that_is_empty_is_not_the_end_of_a_list(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"slug": "found", "name": "n", "status": "ACTIVE", "created_at": None}
    pages: list[dict[str, object]] = [
        {"data": [], "next_cursor": "a"},
        {"data": [row], "next_cursor": "b"},
        {"data": [], "next_cursor": "c"},
        {"data": [], "next_cursor": None},
    ]
    monkeypatch.setattr(Api, "get", lambda *_, **__: pages.pop(0))
    listed = ask("workspace", "ls")
    assert (listed.exit_code, pages) == (Exit.DONE, []), listed.output
    assert "found" in listed.stdout
    cursors = itertools.count()
    monkeypatch.setattr(Api, "get", lambda *_, **__: {"data": [], "next_cursor": str(next(cursors))})
    assert ask("workspace", "ls").exit_code == Exit.FAILED


def test_text_of_others_commands_no_terminal(ask: Ask, stranger: Stranger) -> None:
    name = "\x1b]0;mine\x07 \u202eevil\nline"
    row = {"slug": "w", "name": name, "status": "ACTIVE", "created_at": None}
    stranger.answers(200, json.dumps({"data": [row], "next_cursor": None}).encode())
    listed = ask("workspace", "ls")
    stranger.answers(200, json.dumps(row).encode())
    shown = ask("workspace", "get", "w")
    stranger.answers(404, json.dumps({"detail": name}).encode())
    refused = ask("workspace", "get", "w")
    for answer in (listed, shown, refused):
        assert r"\x1b]0;mine\x07 \u202eevil\nline" in answer.output
        assert "\x1b" not in answer.output
    stranger.answers(200, json.dumps(row).encode())
    assert json.loads(ask("workspace", "get", "w", "--json").stdout)["name"] == name


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("job", "get", "\udcff"), "is not UTF-8"),
        (("job", "ls", "--search", "\udcff"), "is not UTF-8"),
        (("job", "get", "j", "-w", "\udcff"), "is not UTF-8"),
        (("job", "create", "--endpoint", "e", "--now", "--tag", "\udcff"), "is not UTF-8"),
        (("job", "trigger", "j", "--idempotency-key", "a\nb"), "visible ASCII"),
        (("job", "trigger", "j", "--idempotency-key", "é"), "visible ASCII"),
        (("job", "trigger", "j", "--input", "[" * 100_000), "nested too deep"),
        (("job", "trigger", "j", "--input", '{"a": 1, "a": 2}'), "the member 'a' occurs twice"),
        (("job", "trigger", "j", "--input", '{"a": NaN}'), "NaN is not JSON"),
        (("job", "trigger", "j", "--input", '{"a": 1e400}'), "beyond a double"),
        (("job", "trigger", "j", "--input", '{"a": 9223372036854775808}'), "beyond 64 bits"),
        (("job", "trigger", "j", "--input", '"\udcff"'), "not valid JSON"),
        (("job", "trigger", "j", "--input", "@"), "the file '' cannot be read"),
        (("job", "trigger", "j", "--input", "@no.json"), "the file 'no.json' cannot be read: No such file"),
    ],
    ids=lambda value: " ".join(value)[:40].encode("unicode_escape").decode() if isinstance(value, tuple) else None,
)
def test_what_cannot_be_sent_is_named_and_not_sent(
    ask: Ask, stranger: Stranger, arguments: tuple[str, ...], told: str
) -> None:
    answers: list[Result] = []
    assert stranger.asked_by(lambda: answers.append(ask(*arguments))) == ""
    assert (answers[0].exit_code, told in answers[0].stderr) == (2, True), answers[0].output


@pytest.mark.parametrize(
    "url",
    [
        "http://me:sekrit@127.0.0.1:1",
        "http://me:sekrit@127.0.0.1:x",
        "http://127.0.0.1:1/?key=sekrit",
        "http://127.0.0.1:1/#sekrit",
    ],
)
def test_a_secret_in_an_address_is_refused_and_not_shown(ask: Ask, url: str) -> None:
    for answer in (ask("job", "ls", "--url", url), ask("job", "ls", KRONOS_URL=url)):
        assert answer.exit_code == Exit.USAGE
        assert "contains more than an address" in answer.stderr
        assert "sekrit" not in answer.output


def test_a_key_file_that_is_empty_stands_for_no_other_key(ask: Ask, stranger: Stranger, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("\n")
    assert stranger.asked_by(lambda: ask("job", "ls", "--key-file", str(tmp_path / "key"))) == ""
    assert "it is empty" in ask("job", "ls", "--key-file", str(tmp_path / "key")).stderr


@pytest.mark.parametrize("output", ["full", "closed"])
def test_an_output_that_takes_nothing(stranger: Stranger, output: str) -> None:
    """A full disk is reported in a message; a closed output has no reader, so nothing is reported."""
    stranger.answers(200, b'{"slug": "w"}')
    known = {**os.environ, "KRONOS_URL": stranger.url, "KRONOS_API_KEY": "k"}
    where = "> /dev/full" if output == "full" else ">&- <&-"
    for command in ("--help", "workspace get w", "workspace get w --json"):
        line = f"{sys.executable} -m kronos {command} {where}"
        ended = subprocess.run(["/bin/sh", "-c", line], env=known, stderr=subprocess.PIPE, text=True, check=False)
        told = "Error: cannot write the output: No space left on device\n" if output == "full" else ""
        assert (ended.returncode, ended.stderr) == (1 if told else 0, told)


def test_who_has_heard_enough_is_told_no_more(stranger: Stranger) -> None:
    stranger.answers(200, b'{"slug": "w"}')
    known = {**os.environ, "KRONOS_URL": stranger.url, "KRONOS_API_KEY": "k"}
    reading, writing = os.pipe()
    os.close(reading)
    try:
        for command in (["workspace", "get", "w"], ["workspace", "get", "w", "--json"], ["completion", "bash"]):
            asked = [str(quick.folder() / "kronos"), *command]
            ended = subprocess.run(asked, env=known, stdout=writing, stderr=subprocess.PIPE, text=True)
            assert (ended.returncode, ended.stderr) == (1, "")
    finally:
        os.close(writing)


@pytest.mark.parametrize(
    "locale", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}], ids=str
)
def test_a_terminal_that_has_not_all_letters(stranger: Stranger, locale: dict[str, str]) -> None:
    stranger.answers(200, json.dumps({"slug": "w", "name": "Größe €"}).encode())
    known = {**os.environ, "KRONOS_URL": stranger.url, "KRONOS_API_KEY": "k", **locale}
    plain = b""
    for command in (("workspace", "get", "w"), ("workspace", "get", "w", "--json"), ("workspace", "get", "€")):
        ended = subprocess.run([sys.executable, "-m", "kronos", *command], env=known, capture_output=True, check=False)
        assert (ended.returncode == 0) != (command[-1] == "€" and "LC_ALL" in locale), (
            ended.stderr
        )  # that locale has no UTF-8
        assert b"Traceback" not in ended.stderr
        plain = plain or ended.stdout
    assert rb"Gr\xf6\xdfe \u20ac" in plain


def test_psql_gets_what_fills_in_for_the_url_and_no_secret_on_its_command_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "psql"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\necho "$PGPASSWORD $PGSSLROOTCERT $PGHOSTADDR"\nexit 3\n')
    fake.chmod(0o755)
    url = "postgresql://ada:p%20%27%5Cw@db.example/app?sslmode=verify-full"
    known = {
        **os.environ,
        "PATH": str(tmp_path),
        "KRONOS_DATABASE_URL": url,
        "PGSSLROOTCERT": "/ca.pem",
        "PGHOSTADDR": "192.0.2.1",
    }
    told = [str(quick.folder() / "kronos"), "psql", "-Atc", "select 'a b'", "-v", "x=1"]
    ended = subprocess.run(told, env=known, capture_output=True, text=True, check=False)
    assert ended.stdout.splitlines() == [
        "--dbname", "user='ada' dbname='app' host='db.example' "
                    "sslmode='verify-full'", "-Atc", "select 'a b'", "-v", "x=1",
        "p '\\w /ca.pem ",
    ]  # fmt: skip
    assert ended.returncode == 3
    by_environment = {**known, "KRONOS_DATABASE_URL": "postgresql://ada@db.example/app", "PGPASSWORD": "sekrit"}
    assert (
        subprocess.run(told, env=by_environment, capture_output=True, text=True, check=False).stdout.splitlines()[-1]
        == "sekrit /ca.pem "
    )
    refused = subprocess.run(
        told,
        env=known | {"KRONOS_DATABASE_URL": url + "&sslpassword=sekrit"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (refused.returncode, "contains sslpassword" in refused.stderr, "sekrit" in refused.stderr) == (
        1,
        True,
        False,
    )
    absent = subprocess.run(told, env=known | {"PATH": "/nowhere"}, capture_output=True, text=True, check=False)
    assert (absent.returncode, absent.stderr) == (
        1,
        "Error: psql is not installed: on Debian, install postgresql-client\n",
    )


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https{}", "cannot be reached: it does not speak TLS: use http:// if the API has no certificate"),
        ("http://127.0.0.1:1", "cannot be reached: Connection refused"),
    ],
)
def test_an_address_that_cannot_be_reached_says_why(stranger: Stranger, url: str, told: str) -> None:
    given = {"KRONOS_URL": url.format(stranger.url.removeprefix("http")), "KRONOS_API_KEY": "kr_live_a_b"}
    asked = CliRunner().invoke(main, ["me"], env=given)
    assert (asked.exit_code, told in asked.stderr) == (Exit.UNAVAILABLE, True), asked.output
