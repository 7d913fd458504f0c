"""Work that continues after a command: its progress is shown, Ctrl-C leaves it running, and it can be found again."""

import io
import json
import re
import signal
from collections.abc import Callable
from typing import Any
from uuid import UUID

import click
import pytest
from rich.console import Console

from cli.commands import Kronos
from cli.delivering import Instance, interrupt
from conftest import await_condition
from kronos import resealing
from kronos import retention as history
from kronos.cli import backfill, environment, following
from kronos.cli.client import LostError
from kronos.cli.following import Stand

PAST = ("--from", "2020-01-06T00:00:00Z", "--to", "2020-01-21T00:00:00Z")  # three Mondays


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(following, "_LINE_SECONDS", 0.0)


@pytest.fixture
def letters(instance: Instance) -> int:
    """The number of dead letters, at least one. Their receiver accepts deliveries again."""
    instance.is_bad = True
    execution_id = instance.triggered("bad")
    await_condition(lambda: instance.status(execution_id) == "FAILED", "the execution to fail")
    instance.is_bad = False
    return len(json.loads(instance.run("dead-letter", "ls", "--json").stdout))


def test_a_redrive_is_watched_to_its_end(instance: Instance, letters: int) -> None:
    ended = instance.run("dead-letter", "redrive", "--watch", "--json")
    assert ended.exit_code == 0, ended.output
    done: Any = json.loads(ended.stdout)
    assert (done["status"], done["done"], done["total"]) == ("COMPLETED", letters, letters)
    assert re.search(rf"^operation {done['operation_id']}: COMPLETED {letters} of {letters} done$", ended.stderr, re.M)
    again = instance.run("operation", "watch", done["operation_id"])
    assert (again.exit_code, "COMPLETED" in again.stdout) == (0, True)


def test_without_watch_the_command_that_watches_is_named(instance: Instance, letters: int) -> None:
    begun = instance.run("dead-letter", "discard", "--yes", "--json")
    operation_id = json.loads(begun.stdout)["operation_id"]
    assert begun.exit_code == 0
    if json.loads(begun.stdout)["status"] == "RUNNING":
        assert f"kronos operation watch {operation_id} -w acme" in begun.stderr
    assert instance.run("operation", "watch", operation_id).exit_code == 0


def test_ctrl_c_leaves_an_operation_to_the_server(
    instance: Instance, letters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kronos.cli.following.sleep", interrupt)
    left = instance.run("dead-letter", "redrive", "--per-second", "1", "--watch")
    monkeypatch.undo()
    assert left.exit_code == 130
    found = re.search(r"continues on the server. To watch it again: kronos (operation watch \S+ -w acme)", left.stderr)
    assert found is not None
    assert instance.run(*found[1].split()).exit_code == 0


def test_an_error_leaves_an_operation_to_the_server_too(
    instance: Instance, letters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object, **__: object) -> None:
        raise LostError("the API went away")

    monkeypatch.setattr(following, "patiently", lost)
    begun = instance.run("dead-letter", "redrive", "--per-second", "1", "--watch")
    monkeypatch.undo()
    assert (begun.exit_code, "the API went away\n" in begun.stderr) == (6, True)
    found = re.search(r"continues on the server. To watch it again: kronos (operation watch \S+ -w acme)", begun.stderr)
    assert found is not None
    assert instance.run(*found[1].split()).exit_code == 0
    none = instance.run("operation", "watch", str(UUID(int=7)))
    assert (none.exit_code, "continues" in none.stderr) == (3, False), "there is none"


def test_a_cancelled_operation_is_1(instance: Instance, letters: int) -> None:
    more = [instance.triggered("bad") for _ in range(3)]
    instance.is_bad = True
    await_condition(lambda: all(instance.status(each) in ("FAILED", "SUCCESS") for each in more), "them to end")
    begun = instance.run("dead-letter", "redrive", "--per-second", "1", "--no-watch", "--json")
    operation_id = json.loads(begun.stdout)["operation_id"]
    cancelled = json.loads(instance.run("operation", "cancel", operation_id, "--json").stdout)
    expected = {"CANCELLED": 1, "COMPLETED": 0}[cancelled["status"]]
    assert instance.run("operation", "watch", operation_id).exit_code == expected


@pytest.mark.parametrize(("job", "code"), [("ok", 0), ("bad", 1)])
def test_a_backfill_ends_as_its_runs_do(instance: Instance, job: str, code: int) -> None:
    instance.is_bad = True
    ended = instance.run("job", "backfill", job, *PAST, "--watch", "--json")
    assert ended.exit_code == code, ended.output
    done: Any = json.loads(ended.stdout)
    assert (done["status"], done["ticks"]) == ("COMPLETED", 3)
    assert "3 of 3 done" in ended.stderr
    assert instance.run("backfill", "watch", done["backfill_id"]).exit_code == code


def test_ctrl_c_leaves_a_backfill(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kronos.cli.following.sleep", interrupt)
    window = ("--from", "2019-01-07T00:00:00Z", "--to", "2019-01-08T00:00:00Z")
    left = instance.run("job", "backfill", "held", *window, "--watch")
    monkeypatch.undo()
    found = re.search(r"To watch it again: kronos (backfill watch \S+ -w acme)", left.stderr)
    assert (left.exit_code, found is not None) == (130, True)
    instance.release.set()
    assert found is not None
    assert instance.run(*found[1].split()).exit_code == 0


def test_a_deletion_is_watched(instance: Instance) -> None:
    instance.run("workspace", "create", "gone")
    instance.run("config", "put", "team", "{}", "-w", "gone")
    ended = instance.run("workspace", "rm", "gone", "--confirm", "gone", "--watch", "--json")
    assert (ended.exit_code, json.loads(ended.stdout)["status"]) == (0, "COMPLETED"), ended.output


def test_an_api_that_is_away_for_a_moment_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kronos.cli.following.sleep", lambda seconds: None)
    answers: list[Callable[[], str]] = []

    def lost() -> str:
        raise LostError("it is away")

    def refused() -> str:
        raise click.ClickException("no")

    answers += [lost, lost, lambda: "there"]
    assert following.patiently(lambda: answers.pop(0)()) == "there"
    answers += [refused, lambda: "never asked"]
    with pytest.raises(click.ClickException, match="no"):
        following.patiently(lambda: answers.pop(0)())
    monkeypatch.setattr(following, "_PATIENCE_SECONDS", 0.0)
    with pytest.raises(LostError):
        following.patiently(lost)


def test_a_terminal_has_a_bar_and_a_pipe_has_lines(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(force_terminal=True, width=100, record=True, stderr=True)
    with following.Display("copying", console) as shown:
        shown.show(Stand(done=5, total=10), status="RUNNING")
        assert shown._bar is not None
        (task,) = shown._bar.tasks
        assert (task.completed, task.total, task.fields["status"]) == (5, 10, "RUNNING")
    capsys.readouterr()
    with following.Display("copy\x1bing", Console(force_terminal=False)) as shown:
        for done in (0, 5, 5, 1_000):
            shown.show(Stand(done=done, total=1_000, failed=done // 500), status="RUNNING")
    assert capsys.readouterr().err.splitlines() == [
        "copy\\x1bing: RUNNING 0 of 1,000 done",
        "copy\\x1bing: RUNNING 5 of 1,000 done",
        "copy\\x1bing: RUNNING 1,000 of 1,000 done, 2 failed",
    ]


@pytest.mark.parametrize("width", [40, 80])
def test_a_narrow_terminal_has_all_figures(width: int) -> None:
    console = Console(force_terminal=True, width=width, file=io.StringIO())
    with following.Display(f"operation {UUID(int=1)} [/x]", console) as shown:
        shown.show(Stand(done=1234, total=3727, failed=12), status="RUNNING")
        assert shown._bar is not None
        table = shown._bar.get_renderable()
    written = Console(width=width, file=io.StringIO(), record=True)
    written.print(table)
    assert "1234/3727 RUNNING 12 failed 0:00:0" in written.export_text()


def test_a_name_is_no_markup() -> None:
    console = Console(force_terminal=True, width=100, file=io.StringIO())
    with following.Display("operation [/x] [red]", console) as shown:
        shown.show(Stand(done=1), status="[/]")
    assert isinstance(console.file, io.StringIO)
    assert "operation [/x] [red]" in console.file.getvalue()


def test_what_is_over_before_a_line_is_due_has_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(following, "_LINE_SECONDS", 3_600.0)
    with following.Display("copying", Console(force_terminal=False)) as shown:
        shown.show(Stand(done=1))
        shown.show(Stand(done=2), is_last=True)
    assert capsys.readouterr().err == ""


def test_of_a_backfill_is_done_what_has_ended_or_was_left_out() -> None:
    progress = {"undecided": 4, "waiting": 2, "running": 1, "succeeded": 2, "failed": 1, "cancelled": 0, "skipped": 0}
    assert backfill.BACKFILL.stand({"ticks": 10, "progress": progress}) == Stand(done=3, total=10, failed=1)


@pytest.mark.parametrize(
    ("command", "module", "name"), [("retention run", history, "age_out"), ("secrets rotate", resealing, "rotate")]
)
def test_ctrl_c_says_that_what_was_done_stays(
    kronos: Kronos, monkeypatch: pytest.MonkeyPatch, command: str, module: Any, name: str
) -> None:
    monkeypatch.setattr(module, name, lambda *_, **__: interrupt())
    monkeypatch.setattr(environment, "database_url", lambda: "postgresql://")
    monkeypatch.setattr(environment, "encryption_keys", lambda source: object())
    monkeypatch.setattr(environment, "key_source", lambda: None)
    ended = kronos(*command.split())
    assert (ended.exit_code, f"To continue: kronos {command}" in ended.stderr) == (130, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_says_what_was_done_as_ctrl_c_does(
    capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    """`timeout 60 kronos job bulk trigger …` ended without the key, with which its repetition runs no job twice."""
    with pytest.raises(SystemExit) as ended, following.partly_done(lambda: "3 jobs are triggered"):
        signal.raise_signal(number)
    assert (ended.value.code, capsys.readouterr().err) == (128 + number, "\n3 jobs are triggered\n")
    assert signal.getsignal(number) is signal.SIG_DFL


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with following.partly_done(lambda: "nothing"):
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("error", "said"), [(OSError(28, "No space left on device"), "half\n"), (BrokenPipeError(), "")]
)
def test_an_output_that_cannot_be_written_says_what_was_done(
    capsys: pytest.CaptureFixture[str], error: OSError, said: str
) -> None:
    with pytest.raises(type(error)), following.partly_done(lambda: "half"):
        raise error
    assert capsys.readouterr().err == said
