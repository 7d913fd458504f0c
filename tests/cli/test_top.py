"""kronos top: its screen, driven by Textual's own pilot over a real API, on a terminal of 80 columns and 24 lines."""

import builtins
import os
import pty
import select
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import click
import httpx
import psycopg
import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Sparkline, Static

import forked
from api.test_overview import Scene
from cli.commands import Kronos
from conftest import Api
from kronos.cli import command, top, top_figures
from kronos.cli.client import Client
from kronos.cli.exits import Exit
from kronos.cli.top_screen import TopScreen
from kronos.model import JsonObject

TERMINAL = (80, 24)


def looking(shared_api: Api, workspace: str) -> Callable[[], JsonObject]:
    client = Client(url=str(shared_api.client.base_url), key=shared_api.key)
    return partial(command.Api(client=client, workspace=workspace, as_json=False).get, "overview")


async def awaited(pilot: Pilot[None], holds: Callable[[], object]) -> None:
    """Return once `holds()` is true. The number of pauses is limited, not the time."""
    for _ in range(3_000):
        if holds():
            return
        await pilot.pause(0.02)
    assert holds()


def text(screen: TopScreen, name: str) -> str:
    return str(screen.query_one(f"#{name}", Static).render())


def cells(screen: TopScreen, name: str) -> list[list[str]]:
    table = screen.query_one(f"#{name}", DataTable)
    return [[str(cell) for cell in table.get_row_at(row)] for row in range(table.row_count)]


async def test_it_shows_the_overview_and_obeys_its_keys(shared_api: Api, workspace: str) -> None:
    screen = TopScreen(looking(shared_api, workspace), workspace=workspace, every=0.5)
    async with screen.run_test(size=TERMINAL) as pilot:
        await awaited(pilot, lambda: screen.looks)
        assert workspace in text(screen, "head")
        assert text(screen, "figures").split()[:5] == ["due", "running", "failing", "workers", "lag"]
        assert cells(screen, "failing")[0][0] == "nothing fails"
        assert cells(screen, "late")[0][0] == "nothing is late"
        assert "no worker" in text(screen, "said")
        await pilot.press("p")
        assert "PAUSED" in text(screen, "head")
        await awaited(pilot, lambda: not screen.is_reading)
        before = screen.looks
        await pilot.press("r")
        await awaited(pilot, lambda: screen.looks == before + 1)
        await pilot.press("p")
        assert "PAUSED" not in text(screen, "head")
        await awaited(pilot, lambda: screen.looks >= before + 3)
        await pilot.press("q")
    assert screen.return_code == 0


async def test_it_ends_by_ctrl_c_as_every_other_command(shared_api: Api, workspace: str) -> None:
    """Instead, it showed a hint in a corner of the screen that another key quits."""
    screen = TopScreen(looking(shared_api, workspace), workspace=workspace, every=60)
    async with screen.run_test(size=TERMINAL) as pilot:
        await awaited(pilot, lambda: screen.looks)
        await pilot.press("ctrl+c")
    assert screen.return_code == Exit.CANCELLED


async def test_all_of_it_is_on_eighty_by_twenty_four(shared_api: Api, workspace: str) -> None:
    screen = TopScreen(looking(shared_api, workspace), workspace=workspace, every=60)
    async with screen.run_test(size=TERMINAL) as pilot:
        await awaited(pilot, lambda: screen.looks)
        for each in screen.query("Static, Sparkline, DataTable, Footer"):
            assert each.region.height >= 1, each
            assert each.region.bottom <= TERMINAL[1], each
            assert each.region.right <= TERMINAL[0], each
        assert all(screen.query_one(f"#{name}", DataTable).region.height >= 4 for name in ("failing", "late"))
        assert len(text(screen, "figures").splitlines()[0]) <= TERMINAL[0]


async def test_what_fails_is_named_with_what_it_said(
    shared_api: Api, api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    scene = Scene(api, shared_superuser, workspace)
    scene.ended(scene.job("report"), "FAILED", 5, error='{"type": "http_status", "message": "refused [bold]"}')
    overview = looking(shared_api, workspace)()
    screen = TopScreen(lambda: overview, workspace=workspace, every=60)
    async with screen.run_test(size=TERMINAL) as pilot:
        await awaited(pilot, lambda: screen.looks)
        (row,) = cells(screen, "failing")
        assert (row[0], row[1], row[3]) == ("report", "1", "refused [bold]")
        assert "1" in text(screen, "figures").splitlines()[1].split()


async def test_what_cannot_be_read_is_said_and_what_was_there_stays(shared_api: Api, workspace: str) -> None:
    overview, answers = looking(shared_api, workspace)(), iter([True, False])

    def look() -> JsonObject:
        if next(answers, False):
            return overview
        raise click.ClickException("http://x cannot be reached: refused")

    screen = TopScreen(look, workspace=workspace, every=60)
    async with screen.run_test(size=TERMINAL) as pilot:
        await awaited(pilot, lambda: screen.looks == 1)
        await pilot.press("r")
        await awaited(pilot, lambda: screen.looks == 2)
        assert text(screen, "said") == "http://x cannot be reached: refused: retrying"
        assert text(screen, "head").count("Z") == 1
        assert len(screen.query_one("#delivered", Sparkline).data or []) == 60


async def test_a_server_that_does_not_answer_holds_up_nobody(shared_api: Api, workspace: str) -> None:
    """It gets one request at a time, however often the screen refreshes, and quitting does not wait for its answer."""
    asked, ends = [], threading.Event()

    def look() -> JsonObject:
        asked.append(True)
        ends.wait(60)
        return {}

    screen = TopScreen(look, workspace=workspace, every=60)
    async with screen.run_test(size=TERMINAL) as pilot:
        await awaited(pilot, lambda: asked)
        await pilot.press("r", "r", "q")
    assert (screen.return_code, len(asked), screen.looks, ends.is_set()) == (0, 1, 0, False)
    ends.set()


async def test_a_fault_of_its_own_is_no_silence(workspace: str) -> None:
    def look() -> JsonObject:
        raise ZeroDivisionError("its own")

    screen = TopScreen(look, workspace=workspace, every=60)
    with pytest.raises(ZeroDivisionError, match="its own"):
        async with screen.run_test(size=TERMINAL) as pilot:
            await awaited(pilot, lambda: screen.return_code is not None)


def test_without_a_terminal_it_names_what_needs_none(kronos: Kronos) -> None:
    ended = kronos("top")
    assert (ended.exit_code, "kronos overview" in ended.stderr) == (2, True)


def test_without_textual_it_names_the_extra(kronos: Kronos, monkeypatch: pytest.MonkeyPatch) -> None:
    present = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> ModuleType:
        if name == "kronos.cli.top_screen":
            raise ModuleNotFoundError("No module named 'textual'", name="textual")
        return present(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    ended = kronos("top")
    assert (ended.exit_code, "install Kronos with its extra top" in ended.stderr) == (1, True)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0 s"), (59.9, "59 s"), (60, "1 min"), (3_599, "59 min"), (7_200, "2 h"), (90_000, "1 d")],
)
def test_a_time_is_said_in_one_unit(seconds: float, said: str) -> None:
    assert top_figures.length(seconds) == said


def test_what_is_late_is_a_lag_and_reddens_it() -> None:
    overview = {
        "at": "2026-12-01T09:00:00Z",
        "late": [{"job_name": "a\x1b[31m", "number": 2, "since": "2026-12-01T08:00:00.5Z", "why": "no worker"}],
        "queue": {"running": 1, "waiting": 2_000, "waiting_since": "2026-12-01T08:59:30Z", "is_cut": True},
        "pg_cron": {"worker_sessions": 0, "is_ready": False, "warnings": []},
    }
    found = {each.name: (each.value, each.is_bad) for each in top_figures.figures(overview)}
    assert found == {
        "due": ("2,000+", False),
        "running": ("1+", False),
        "failing": ("0", False),
        "workers": ("0", True),
        "lag": ("59 min", True),
        "queue age": ("30 s", False),
        "dead letters": ("0", False),
    }
    assert list(top_figures.late(overview)) == [("a\\x1b[31m", "2", "59 min", "no worker")]
    assert top_figures.warnings(overview) == ["pg_cron does not ring"]


@pytest.mark.parametrize("kind", ["dumb", "unknown", ""])
def test_a_terminal_that_cannot_move_its_cursor_gets_no_screen(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(ours), os.fdopen(theirs) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setenv("TERM", "xterm")
        assert top._is_terminal()
        monkeypatch.setenv("TERM", kind)
        assert not top._is_terminal()


_NORMAL = b"\x1b[?1049l"
"""Back to the previous screen."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT, signal.SIGUSR1])
def test_whatever_ends_it_the_terminal_is_as_it_was(shared_api: Api, workspace: str, number: signal.Signals) -> None:
    known = {"KRONOS_URL": str(shared_api.client.base_url), "KRONOS_API_KEY": shared_api.key, "TERM": "xterm-256color"}
    ours, theirs = pty.openpty()
    process = forked.start(
        ["top", "-w", workspace],
        os.environ | known,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        modules=["kronos.__main__", "kronos.cli.top_screen"],
    )
    try:
        os.close(theirs)
        assert _NORMAL not in _until(ours, b"workers: ")  # it has read the data and shows it
        process.send_signal(number)
        _until(ours, _NORMAL)
        assert process.wait(60) == 128 + number
    finally:
        process.kill()
        os.close(ours)


def _until(terminal: int, wanted: bytes) -> bytes:
    """Return the output of the terminal up to `wanted`."""
    shown = b""
    while wanted not in shown:
        assert select.select([terminal], [], [], 60)[0], shown
        shown += os.read(terminal, 65_536)
    return shown


def test_a_crash_is_an_exit_that_says_so(monkeypatch: pytest.MonkeyPatch, kronos: Kronos) -> None:
    """Textual restores the terminal; the exit code still reports the crash."""

    def crashed(screen: TopScreen) -> None:
        screen.exit(return_code=1)

    monkeypatch.setattr(TopScreen, "run", crashed)
    monkeypatch.setattr("kronos.cli.top._is_terminal", lambda: True)
    assert kronos("top").exit_code == 1
