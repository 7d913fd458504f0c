"""The screen of `kronos top`: figures, the last and the next hour, failures and late runs. It fits 80 columns and 24
lines; longer content scrolls."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterable
from typing import ClassVar

import click
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import DataTable, Footer, Sparkline, Static

from kronos.cli import top_figures as figures
from kronos.cli.client import printable
from kronos.model import JsonObject

_CURVES = ("delivered", "failed", "to come")
_COLUMNS = {"failing": ("FAILING", "FAILURES", "LAST", "LATEST ERROR"), "late": ("LATE", "RUNS", "FOR", "WHY")}
_WIDTHS = (24, 5, 6, 200)
"""Of the columns: room for a typical name, and for a message, which scrolls with the left and right keys."""
_ENDING = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGALRM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGXCPU,
)
"""Signals that would end the process. Keys send none of them, because the terminal is raw. Textual handles Ctrl-Z."""
_NONE = {"failing": "nothing fails", "late": "nothing is late"}


class TopScreen(App[None]):
    """A workspace, read repeatedly until the user quits."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("p", "pause", "Pause"),
        Binding("r", "read", "Read now"),
        Binding("ctrl+z", "suspend_process", show=False),
        Binding("ctrl+c", "interrupt", show=False, priority=True),  # Textual would show that another key quits
    ]
    CSS = """
    #head, #said, #workers { height: 1; }
    #head { text-style: bold; }
    #said { color: $text-warning; }
    #figures { height: 2; }
    .curve { height: 1; }
    .curve Static { width: 18; color: $text-muted; }
    Sparkline { width: 1fr; height: 1; }
    #failed > .sparkline--max-color, #failed > .sparkline--min-color { color: $error; }
    DataTable { height: 1fr; min-height: 3; scrollbar-size-horizontal: 0; }
    """

    def __init__(self, look: Callable[[], JsonObject], *, workspace: str, every: float) -> None:
        """`look` reads the overview. It may be slow: it runs in a thread."""
        super().__init__()
        self._look, self._workspace, self._every = look, workspace, every
        self.is_paused = False
        self.is_reading = False
        self.looks = 0
        """How many times the overview was read, or could not be."""

    def compose(self) -> ComposeResult:
        """Lay out head, figures, curves, tables, workers, and keys."""
        yield Static(self._head(""), id="head", markup=False)
        yield Static(id="figures", markup=False)
        for name in _CURVES:
            with Horizontal(classes="curve"):
                yield Static(name, id=f"{name.replace(' ', '-')}-sum", markup=False)
                yield Sparkline([], id=name.replace(" ", "-"), summary_function=max)
        for name in _COLUMNS:
            yield DataTable[Text](id=name, cursor_type="row", zebra_stripes=True)
        yield Static(id="workers", markup=False)
        yield Static(id="said", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Read immediately and then at intervals, until the screen is closed."""
        if not self.is_headless:
            for number in _ENDING:
                if signal.getsignal(number) is not signal.SIG_IGN:  # as with nohup
                    asyncio.get_running_loop().add_signal_handler(number, self._end, number)
        for name, columns in _COLUMNS.items():
            for title, width in zip(columns, _WIDTHS, strict=True):
                self.query_one(f"#{name}", DataTable).add_column(title, width=width)
        self.read()
        self.set_interval(self._every, self._read_unless_paused)

    def action_pause(self) -> None:
        """Pause or resume reading."""
        self.is_paused = not self.is_paused
        self.query_one("#head", Static).update(self._head(self._at))
        if not self.is_paused:
            self.read()

    def action_read(self) -> None:
        """Read now, even if paused."""
        self.read()

    def action_interrupt(self) -> None:
        """Quit on Ctrl-C, as other commands do. In raw mode the terminal passes it as a key and sends no signal."""
        self._end(signal.SIGINT)

    def _end(self, number: signal.Signals) -> None:
        """Restore the terminal, and exit with the code of a process that a signal ended."""
        self.exit(return_code=128 + number)

    def _read_unless_paused(self) -> None:
        if not self.is_paused:
            self.read()

    def read(self) -> None:
        """Read the overview, unless a read is in progress. Nothing waits for the thread, so an unresponsive server does
        not delay quitting."""
        if not self.is_reading:
            self.is_reading = True
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            found = self._look()
        except Exception as error:  # passed on to the screen: exceptions in a thread are lost
            self.call_later(self._failed, error)
        else:
            self.call_later(self._show, found)

    def _failed(self, error: Exception) -> None:
        """Show the error and keep the last content."""
        if not isinstance(error, click.ClickException):
            raise error
        self._say(f"{printable(error.message)}: retrying")

    _at: str = ""

    def _say(self, sentence: str) -> None:
        self.looks += 1
        self.is_reading = False
        self.query_one("#said", Static).update(sentence)

    def _show(self, overview: JsonObject) -> None:
        self._at = str(overview.get("at"))[:19].replace("T", " ") + "Z"
        self.query_one("#head", Static).update(self._head(self._at))
        self.query_one("#figures", Static).update(_figures(figures.figures(overview)))
        for name, curve in zip(_CURVES, figures.curves(overview), strict=True):
            self.query_one(f"#{name.replace(' ', '-')}", Sparkline).data = curve or [0]
            self.query_one(f"#{name.replace(' ', '-')}-sum", Static).update(f"{name} {sum(curve):,}")
        self._fill("failing", figures.failing(overview))
        self._fill("late", figures.late(overview))
        self.query_one("#workers", Static).update(f"workers: {figures.workers(overview)}")
        self._say("; ".join(figures.warnings(overview)))

    def _fill(self, name: str, rows: Iterable[tuple[str, ...]]) -> None:
        """Replace the rows, and keep the scroll position."""
        table = self.query_one(f"#{name}", DataTable)
        at = table.cursor_row
        table.clear()
        for row in rows:
            table.add_row(*map(Text, row))
        if not table.row_count:
            table.add_row(Text(_NONE[name], style="dim"), *[Text("")] * (len(_COLUMNS[name]) - 1))
        table.move_cursor(row=min(at, table.row_count - 1))

    def _head(self, at: str) -> str:
        return "  ".join(filter(None, ("kronos top", self._workspace, at, "PAUSED" if self.is_paused else "")))


def _figures(found: list[figures.Figure]) -> Text:
    """Return two lines: the names, and the values below them."""
    widths = [max(len(each.name), len(each.value)) + 2 for each in found]
    names = "".join(each.name.ljust(width) for each, width in zip(found, widths, strict=True))
    text = Text(f"{names}\n", style="dim")
    for each, width in zip(found, widths, strict=True):
        text.append(each.value.ljust(width), style="bold red" if each.is_bad else "bold")
    return text
