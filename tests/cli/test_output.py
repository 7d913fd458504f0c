"""Command output: for people and for programs, on terminals and in pipes."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import click
import httpx
import pytest
from click.testing import CliRunner

import quick
from cli.commands import Kronos
from cli.stranger import Stranger
from conftest import Api
from kronos.__main__ import main
from kronos.cli.output import Output, printable

ESCAPE = "\x1b["


@pytest.fixture
def made(kronos: Kronos) -> None:
    """A workspace with a job, an endpoint and a config."""
    for typed in (
        ("config", "create", "team", '{"owner": "sales"}'),
        ("endpoint", "create", "hook", "--to", "https://example.com/a", "--title", "Invoices"),
        ("job", "create", "report", "--endpoint", "hook", "--cron", "0 9 * * 1", "--tz", "Asia/Kolkata"),
        ("job", "create", "nightly", "--endpoint", "hook", "--cron", "0 2 * * *"),
    ):
        assert kronos(*typed).exit_code == 0


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("typed", "path"),
    [
        (("job", "get", "report"), "jobs/report"),
        (("endpoint", "get", "hook"), "endpoints/hook"),
        (("config", "get", "team"), "configs/team"),
        (("job", "ls"), "jobs"),
        (("endpoint", "ls"), "endpoints"),
        (("config", "ls"), "configs"),
        (("job", "next-runs", "report", "-n", "3"), "jobs/report/next-runs?count=3"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_json_is_the_document_of_the_api(
    kronos: Kronos, shared_api: Api, workspace: str, typed: tuple[str, ...], path: str
) -> None:
    answer = httpx.get(
        f"{shared_api.client.base_url}/v1/workspaces/{workspace}/{path}",
        headers={"Authorization": f"Bearer {shared_api.key}"},
        timeout=60,
    ).json()
    wanted = answer.get("data", answer.get("next_runs", answer)) if typed[1] in ("ls", "next-runs") else answer
    assert json.loads(kronos(*typed, "--json").stdout) == wanted


def test_json_of_what_is_made_is_the_document_too(kronos: Kronos) -> None:
    made = json.loads(kronos("config", "create", "team", '{"owner": "sales"}', "--json").stdout)
    assert made == json.loads(kronos("config", "get", "team", "--json").stdout)


@pytest.mark.usefixtures("made")
def test_plain_is_a_line_a_row_with_the_columns_in_their_places(kronos: Kronos) -> None:
    rows = [line.split("\t") for line in kronos("job", "ls", "--plain").stdout.splitlines()]
    assert [row[0] for row in rows] == ["nightly", "report"]
    assert [row[2:5] for row in rows] == [["CRON", "ACTIVE", "hook"]] * 2
    assert {len(row) for row in rows} == {8}
    assert rows[0][1] == json.loads(kronos("job", "get", "nightly", "--json").stdout)["job_id"]
    assert kronos("endpoint", "ls", "--plain").stdout.split("\t")[:4] == ["hook", "HTTP", "https://example.com/a", "1"]
    assert kronos("config", "ls", "--plain").stdout.split("\t")[:3] == ["team", "1", '{"owner":"sales"}']


@pytest.mark.usefixtures("made")
def test_plain_of_one_thing_is_a_line_a_field(kronos: Kronos) -> None:
    lines = dict(line.split("\t") for line in kronos("endpoint", "get", "hook", "--plain").stdout.splitlines())
    assert (lines["name"], lines["title"], lines["payload_spec"]) == ("hook", "Invoices", "")
    assert json.loads(lines["spec"])["url"] == "https://example.com/a"


def test_an_empty_list_is_empty_for_programs(kronos: Kronos) -> None:
    assert (kronos("job", "ls", "--plain").output, kronos("job", "ls", "--json").output) == ("", "[]\n")
    said = kronos("job", "ls")
    assert (said.stdout, "no job matches" in said.stderr) == ("", True)


def test_a_row_is_one_line_and_its_values_are_whole(stranger: Stranger) -> None:
    known = {"KRONOS_URL": stranger.url, "KRONOS_API_KEY": "k", "KRONOS_WORKSPACE": "w"}
    long, wide = "x" * 5000, "日本"
    rows = [{"name": "a", "values": {"a": long}, "version": 1}, {"name": wide, "values": "b\tc\nd", "version": 10}]
    stranger.answers(200, json.dumps({"data": rows, "next_cursor": None}).encode())
    table = CliRunner().invoke(main, ["config", "ls"], env=known).stdout.splitlines()
    assert [line.rstrip() for line in table] == table
    assert [line.split()[:2] for line in table] == [["NAME", "VERSION"], ["a", "1"], [wide, "10"]]
    assert (long in table[1], r"b\tc\nd" in table[2]) == (True, True)
    assert table[1].index("1") == table[2].index("10") + len(wide)  # which are as wide as four letters
    plain = CliRunner().invoke(main, ["config", "ls", "--plain"], env=known).stdout.splitlines()
    assert [line.split("\t") for line in plain] == [["a", "1", f'{{"a":"{long}"}}', ""], [wide, "10", r"b\tc\nd", ""]]


def on_terminal(typed: list[str], **variables: str) -> str:
    """The output of a command on a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    known = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM", "FORCE_COLOR")}
    with subprocess.Popen(
        [str(quick.folder() / "kronos"), *typed], env=known | {"COLUMNS": "100"} | variables, stdin=theirs,
        stdout=theirs, stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        while some := _read(ours):
            shown += some
        process.wait(timeout=60)
    os.close(ours)
    return shown.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other end is closed: on Linux that is EIO
        return b""


@pytest.mark.usefixtures("made")
def test_colours_are_for_terminals_that_have_them(shared_api: Api, workspace: str, tmp_path: Path) -> None:
    known = {
        "KRONOS_URL": str(shared_api.client.base_url),
        "KRONOS_API_KEY": shared_api.key,
        "KRONOS_WORKSPACE": workspace,
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    for typed in (["job", "ls"], ["job", "get", "report"], ["job", "explain", "report"]):
        assert ESCAPE in on_terminal(typed, TERM="xterm-256color", **known), typed
        for bare in ({"TERM": "dumb"}, {"TERM": "xterm-256color", "NO_COLOR": "1"}):
            assert "\x1b" not in on_terminal(typed, **bare, **known), (typed, bare)
        assert "\x1b" not in on_terminal([*typed, "--plain"], TERM="xterm-256color", **known)


@pytest.mark.usefixtures("made")
def test_a_pipe_gets_neither_colours_nor_boxes(shared_api: Api, workspace: str) -> None:
    known = {
        **os.environ,
        "KRONOS_URL": str(shared_api.client.base_url),
        "KRONOS_API_KEY": shared_api.key,
        "KRONOS_WORKSPACE": workspace,
        "TERM": "xterm-256color",
        "FORCE_COLOR": "1",
    }
    for typed in (["job", "ls"], ["job", "get", "report"], ["job", "explain", "report"], ["job", "--help"]):
        asked = [str(quick.folder() / "kronos"), *typed]
        shown = subprocess.run(asked, env=known, capture_output=True, text=True, check=True).stdout
        assert shown
        assert not set(shown) & set("\x1b│─┃━╭╮╰╯┌┐└┘"), typed


def test_what_a_command_says_after_its_answer_stands_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when both streams lead to the same file."""
    with (tmp_path / "both").open("a") as out, (tmp_path / "both").open("a", buffering=1) as err:
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        for number, form in enumerate((Output(), Output(as_plain=True), Output(as_json=True))):
            form.show({"name": "shown"}, ["name"])
            click.echo(number, err=True)
            form.list([{"name": "listed"}], {"name": "NAME"}, empty="none")
            click.echo(number, err=True)
            form.say("said", {"name": "said"})
            click.echo(number, err=True)
    told = re.sub(r"[^a-z0-9]+", " ", (tmp_path / "both").read_text().replace("name", "").replace("NAME", ""))
    assert told.split() == [word for number in "012" for what in ("shown", "listed", "said") for word in (what, number)]


def test_two_forms_at_once_are_refused() -> None:
    for typed in (["job", "ls"], ["context", "ls"]):
        refused = CliRunner().invoke(main, [*typed, "--json", "--plain"])
        assert (refused.exit_code, "cannot be combined" in refused.stderr) == (2, True)


def test_json_is_read_from_standard_input_once(kronos: Kronos, tmp_path: Path) -> None:
    file = tmp_path / "team.json"
    file.write_text('{"owner": "file"}')
    for given, stdin, owner in ((f"@{file}", None, "file"), ("-", '{"owner": "piped"}', "piped")):
        made = kronos("config", "put", "team", given, "--json", stdin=stdin)
        assert json.loads(made.stdout)["values"] == {"owner": owner}
    twice = kronos(
        "endpoint", "create", "hook", "--to", "https://example.com/a", "--body", "-", "--retry", "-", stdin="{}"
    )
    assert (twice.exit_code, "can be read only once" in twice.stderr) == (2, True)


def test_a_value_and_a_key_are_read_from_standard_input(kronos: Kronos, shared_api: Api) -> None:
    assert kronos("secret", "set", "token", "--file", "-", stdin="hunter2\n").exit_code == 0
    assert kronos("secret", "ls", "--key-file", "-", stdin=f"{shared_api.key}\n").exit_code == 0
    assert kronos("secret", "ls", "--key-file", "-", stdin="\n").exit_code == 2


def test_json_is_utf_8_whatever_the_locale_says(shared_api: Api, workspace: str, tmp_path: Path) -> None:
    known = {**os.environ, "KRONOS_URL": str(shared_api.client.base_url), "KRONOS_API_KEY": shared_api.key}
    asked = [sys.executable, "-m", "kronos", "config", "put", "team", "-", "--json", "-w", workspace]
    made = subprocess.run(
        asked, env=known | {"PYTHONIOENCODING": "latin-1"}, input='{"owner": "M\u00fcller"}'.encode(),
        capture_output=True, check=True,
    )  # fmt: skip
    assert json.loads(made.stdout)["values"] == {"owner": "M\u00fcller"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a b", "a b"), ("a\tb\n", r"a\tb\n"), ("\x1b[31m", r"\x1b[31m"), ("a\u202eb", r"a\u202eb"), ("é", "é")],
)
def test_what_a_terminal_would_obey_is_shown_as_its_number(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_sentence_is_for_people_and_the_answer_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    document = {"a": 1, "b": None}
    for output, text in (
        (Output(), "it is done\n"),
        (Output(as_plain=True), "a\t1\nb\t\n"),
        (Output(as_json=True), '{\n  "a": 1,\n  "b": null\n}\n'),
    ):
        output.say("it is done", document)
        assert capsys.readouterr().out == text
    Output(as_plain=True).say("it is done")
    assert capsys.readouterr().out == "it is done\n"
