"""Progress of work that the server does: a bar on a terminal, otherwise a line every few seconds. Ctrl-C ends the
command, not the work, and prints how to find it again."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from types import FrameType
from typing import TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from kronos.cli.client import LostError, printable
from kronos.cli.command import Api
from kronos.cli.exits import Ended, Exit
from kronos.cli.output import console
from kronos.model import Json, JsonObject
from kronos.records import dataclass

_LOOK_SECONDS = 1.0
_LINE_SECONDS = 5.0
_PATIENCE_SECONDS = 60.0
_FIRST_PATIENCE_SECONDS = 5.0
_MOST_PAUSE_SECONDS = 5.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Progress of some work: `done` of `total`, if that is known. `failed` may be part of `done`, or separate."""

    done: int
    total: int | None = None
    failed: int = 0

    def __str__(self) -> str:
        of = "" if self.total is None else f" of {self.total:,}"
        failed = f", {self.failed:,} failed" if self.failed else ""
        return f"{self.done:,}{of} done{failed}"


class Display:
    """Shows progress: a bar if standard error is a terminal, otherwise a line every few seconds."""

    def __init__(self, what: str, console: Console) -> None:
        self._what = printable(what)
        self._console = console
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._said: str | None = None
        self._said_at = monotonic()

    def show(self, stand: Stand, *, status: str = "", is_last: bool = False) -> None:
        """Show this progress. Work that ends before the first line is due prints none."""
        text = f"{self._what}: {status} {stand}".replace(":  ", ": ")
        if self._bar is not None and self._task is not None:
            failed = f"{stand.failed:,} failed" if stand.failed else ""
            said = " ".join(each for each in (status, failed) if each)
            self._bar.update(self._task, completed=stand.done, total=stand.total, status=said)
            return
        is_due = monotonic() - self._said_at >= _LINE_SECONDS
        if text != self._said and (is_due or (is_last and self._said is not None)):
            click.echo(text, err=True)
            self._said, self._said_at = text, monotonic()

    def __enter__(self) -> "Display":
        if self._console.is_terminal:
            # On a narrow terminal, the name and the bar are shortened, but not the numbers.
            columns = (
                TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
                BarColumn(bar_width=None, table_column=Column(ratio=1)),
                MofNCompleteColumn(),
                TextColumn("{task.fields[status]}", markup=False),
                TimeElapsedColumn(),
            )
            self._bar = Progress(*columns, console=self._console, transient=True, expand=True)
            self._task = self._bar.add_task(self._what, total=None, status="")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def display(what: str) -> Display:
    """Return the display for the progress of `what`."""
    return Display(what, console(err=True))


class StoppedError(KeyboardInterrupt):
    """SIGTERM, of `timeout` and of CI systems, or SIGHUP, of a terminal that was closed: everything ends as with
    Ctrl-C, but for the exit code."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number


@contextmanager
def _stoppable() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP raise StoppedError, unless they are ignored, as with nohup."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise StoppedError(number)

    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    ours = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_DFL]
    try:
        for each in ours:
            signal.signal(each, stop)
        yield
    finally:
        for each in ours:
            signal.signal(each, signal.SIG_DFL)


@contextmanager
def partly_done(sentence: Callable[[], str], *, has_begun: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Work of several steps may be stopped by an error in any of them, by Ctrl-C, or by a signal to end. `sentence`
    then says what was done before, or goes on without the command, and how to continue. An error before it has begun
    says only itself."""
    try:
        with _stoppable():
            yield
    except KeyboardInterrupt as stopped:
        click.echo(f"\n{sentence()}", err=True)
        sys.exit(stopped.exit_code if isinstance(stopped, StoppedError) else Exit.CANCELLED)
    except BrokenPipeError:
        raise  # the reader of the output has enough
    except OSError:
        if has_begun():
            click.echo(sentence(), err=True)  # above the error itself
        raise
    except click.ClickException as error:
        if not has_begun():
            raise
        faults = error.faults if isinstance(error, Ended) else ()
        code = next(each for each in Exit if each == error.exit_code)
        raise Ended(f"{error.message}\n{sentence()}", code, faults) from None


def patiently(ask: Callable[[], _T], *, is_first: bool = False, until: float | None = None) -> _T:
    """Return the result of `ask`, which must be safe to repeat. While the API is unavailable or overloaded, ask again
    for a minute. A first request is repeated only for some seconds, because the address may be wrong. No repetition
    starts after `until`, by the monotonic clock. Raises ClickException."""
    end, pause = monotonic() + (_FIRST_PATIENCE_SECONDS if is_first else _PATIENCE_SECONDS), 0.25
    end = end if until is None else min(end, until)
    while True:
        try:
            return ask()
        except click.ClickException as error:
            if not may_pass(error) or monotonic() + pause > end:
                raise
            click.echo(f"{error.message}: retrying", err=True)
        sleep(pause)  # nothing reports when the API is back
        pause = min(2 * pause, _MOST_PAUSE_SECONDS)


def may_pass(error: click.ClickException) -> bool:
    """Return whether a retry may help: the API is unavailable or overloaded."""
    return isinstance(error, LostError) or error.exit_code in (Exit.UNAVAILABLE, Exit.TIMED_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Work that continues after the request that started it: its name in commands, the fields to show, and how to read
    its progress. Route, id and the command that finds it again are named after it."""

    noun: str
    fields: tuple[str, ...]
    stand: Callable[[JsonObject], Stand]

    def begun(self, api: Api, document: Json, wanted: bool | None) -> None:
        """Report work that was started: watch it to its end, or print it and how to watch it. `wanted` is the value of
        --watch or --no-watch."""
        is_running = isinstance(document, dict) and document.get("status") == "RUNNING"
        its_id = str(document.get(f"{self.noun}_id")) if isinstance(document, dict) else ""
        if is_running and _follows(api, wanted):
            self.finish(api, its_id, is_begun=True)
            return
        api.show(document, self.fields)
        if is_running:
            click.echo(f"it continues on the server; to watch it: {self._again(api, its_id)}", err=True)

    def finish(self, api: Api, its_id: str, *, is_begun: bool = False) -> None:
        """Watch the work to its end, print it, and exit with its code. Ctrl-C and errors leave it running. Raises
        ClickException."""
        ended = self._followed(api, its_id, is_begun=is_begun)
        api.show(ended, self.fields)
        if ended["status"] != "COMPLETED" or self.stand(ended).failed:
            sys.exit(Exit.FAILED)

    def _followed(self, api: Api, its_id: str, *, is_begun: bool) -> JsonObject:
        what = f"{self.noun} {its_id}"
        left = f"{what} continues on the server. To watch it again: {self._again(api, its_id)}"
        with partly_done(lambda: left, has_begun=lambda: is_begun), display(what) as shown:
            while True:
                found: JsonObject = patiently(lambda: api.get(f"{self.noun}s", its_id, fields=("status",)))
                status, is_begun = str(found["status"]), True
                has_ended = status != "RUNNING"
                shown.show(self.stand(found), status=status, is_last=has_ended)
                if has_ended:
                    return found
                sleep(_LOOK_SECONDS)  # operations and backfills have no events

    def _again(self, api: Api, its_id: str) -> str:
        return f"kronos {self.noun} watch {its_id} -w {api.workspace}"


def _follows(api: Api, wanted: bool | None) -> bool:
    """Return whether to watch started work: as --watch says, otherwise only on a terminal."""
    return wanted if wanted is not None else console(err=True).is_terminal and not api.as_json


def whole(document: JsonObject, *fields: str) -> int:
    """Return the sum of those of these fields that are numbers."""
    return sum(value for field in fields if isinstance(value := document.get(field), int))


watch_option = click.option(
    "--watch/--no-watch",
    default=None,
    help="Show progress until it ends, or return immediately.  [default: --watch on a terminal]",
)
