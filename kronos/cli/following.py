"""Work that the server does while a command watches: how far it is, as a bar on a terminal and else as a line now and
then, and how it is found again. Ctrl-C leaves the work to the server."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, sleep
from typing import TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from kronos.cli.client import LostError, printable
from kronos.cli.command import Api
from kronos.cli.exits import Exit
from kronos.cli.output import console
from kronos.model import Json, JsonObject

_LOOK_SECONDS = 1.0
_LINE_SECONDS = 5.0
_PATIENCE_SECONDS = 60.0
_FIRST_PATIENCE_SECONDS = 5.0
_MOST_PAUSE_SECONDS = 5.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """How far work is: of `total` things, where that is known, `done`, and `failed` among them or beside."""

    done: int
    total: int | None = None
    failed: int = 0

    def __str__(self) -> str:
        of = "" if self.total is None else f" of {self.total:,}"
        failed = f", {self.failed:,} failed" if self.failed else ""
        return f"{self.done:,}{of} done{failed}"


class Display:
    """Where the stand is shown: a bar where standard error is a terminal, a line each few seconds where it is not."""

    def __init__(self, what: str, console: Console) -> None:
        self._what = printable(what)
        self._console = console
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._said: str | None = None
        self._said_at = monotonic()

    def show(self, stand: Stand, *, status: str = "", is_last: bool = False) -> None:
        """Shows this stand. What is over before a line is due has none."""
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
            # On a narrow terminal the name and the bar are short, and the figures are whole.
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
    """Where `what` shows how far it is."""
    return Display(what, console(err=True))


@contextmanager
def left_to_the_server(sentence: Callable[[], str]) -> Iterator[None]:
    """Ctrl-C inside ends the command, and nothing else: `sentence` says then how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"\n{sentence()}", err=True)
        sys.exit(Exit.CANCELLED)


def patiently(ask: Callable[[], _T], *, is_first: bool = False, until: float | None = None) -> _T:
    """What `ask` gives; asked again for a minute where the API cannot be reached, or has no room; some seconds where it
    is the first that is asked, and the address may be wrong; never later than `until`, by the monotonic clock. Only for
    what may be asked twice. Raises ClickException."""
    end, pause = monotonic() + (_FIRST_PATIENCE_SECONDS if is_first else _PATIENCE_SECONDS), 0.25
    end = end if until is None else min(end, until)
    while True:
        try:
            return ask()
        except click.ClickException as error:
            if not may_pass(error) or monotonic() + pause > end:
                raise
            click.echo(f"{error.message}: trying again", err=True)
        sleep(pause)  # nobody says when it is back
        pause = min(2 * pause, _MOST_PAUSE_SECONDS)


def may_pass(error: click.ClickException) -> bool:
    """Whether another try may do: the API cannot be reached now, or has no room."""
    return isinstance(error, LostError) or error.exit_code in (Exit.UNAVAILABLE, Exit.TIMED_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Work that goes on behind the request that began it: what its commands call it, the fields of it that are shown,
    and how its stand is read. Its route, its id and the command that finds it again are named after it."""

    noun: str
    fields: tuple[str, ...]
    stand: Callable[[JsonObject], Stand]

    def begun(self, api: Api, document: Json, wanted: bool | None) -> None:
        """What a command that began it shows: its end, where it stays, or the work and how to watch it. `wanted` is
        what --watch or --no-watch says."""
        is_running = isinstance(document, dict) and document.get("status") == "RUNNING"
        its_id = str(document.get(f"{self.noun}_id")) if isinstance(document, dict) else ""
        if is_running and _follows(api, wanted):
            self.finish(api, its_id)
            return
        api.show(document, self.fields)
        if is_running:
            click.echo(f"it goes on behind this command; watch it: {self._again(api, its_id)}", err=True)

    def finish(self, api: Api, its_id: str) -> None:
        """Watches it to its end, shows it, and exits as it ended. Ctrl-C leaves it running. Raises ClickException."""
        ended = self._followed(api, its_id)
        api.show(ended, self.fields)
        if ended["status"] != "COMPLETED" or self.stand(ended).failed:
            sys.exit(Exit.FAILED)

    def _followed(self, api: Api, its_id: str) -> JsonObject:
        what = f"{self.noun} {its_id}"
        left = f"{what} goes on without you. Find it again: {self._again(api, its_id)}"
        with left_to_the_server(lambda: left), display(what) as shown:
            while True:
                found: JsonObject = patiently(lambda: api.get(f"{self.noun}s", its_id, fields=("status",)))
                status = str(found["status"])
                has_ended = status != "RUNNING"
                shown.show(self.stand(found), status=status, is_last=has_ended)
                if has_ended:
                    return found
                sleep(_LOOK_SECONDS)  # operations and backfills have no events

    def _again(self, api: Api, its_id: str) -> str:
        return f"kronos {self.noun} watch {its_id} -w {api.workspace}"


def _follows(api: Api, wanted: bool | None) -> bool:
    """Whether a command that began work stays to watch it: as it is told, else where a person looks on."""
    return wanted if wanted is not None else console(err=True).is_terminal and not api.as_json


def counted(number: int, thing: str) -> str:
    """So many things, as people say it."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def whole(document: JsonObject, *fields: str) -> int:
    """The sum of these fields of a document, where they are numbers."""
    return sum(value for field in fields if isinstance(value := document.get(field), int))


watch_option = click.option(
    "--watch/--no-watch",
    default=None,
    help="Stay and show how far it is, or return at once.  [default: stay on a terminal]",
)
