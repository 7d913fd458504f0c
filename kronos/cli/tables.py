"""Tables on terminals. A name that is cut off is still useful, an id or an instant is not: if there is no room, its
column is left out and named below the table."""

import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from kronos.records import dataclass

_GAP = 2
_FLOOR = 12
"""The minimum width of a text that is cut."""
_MOST_MISSED = "STATUS"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")


@dataclass(slots=True, kw_only=True)
class _Column:
    title: str
    cells: list[Text]
    width: int
    is_id: bool
    is_rigid: bool
    """No cell can be cut."""
    is_full: bool
    """Every row has a value."""

    @property
    def least(self) -> int:
        return self.width if self.is_rigid else min(self.width, max(_FLOOR, cell_len(self.title)))


def laid_out(titles: Sequence[str], rows: Sequence[Sequence[Text]], width: int) -> tuple[list[Text], list[str]]:
    """Return the lines of a table, none wider than `width`, and the titles of the columns that were left out."""
    columns = [_column(title, [_shortened(row[at]) for row in rows]) for at, title in enumerate(titles)]
    left_out: list[str] = []
    while len(columns) > 1 and _needed(each.least for each in columns) > width:
        gone = _least_missed(columns)
        columns.remove(gone)
        left_out.append(gone.title)
    widths = _widths(columns, width)
    head = [Text(each.title, style="dim") for each in columns]
    lines = [_line(cells, widths) for cells in (head, *zip(*(each.cells for each in columns), strict=True))]
    return lines, [title for title in titles if title in left_out]


def _column(title: str, cells: list[Text]) -> _Column:
    values = [cell.plain for cell in cells if cell.plain != "-"]
    is_id = bool(values) and all(map(_ID.fullmatch, values))
    return _Column(
        title=title,
        cells=cells,
        width=max(cell_len(title), *(cell_len(cell.plain) for cell in cells)),
        is_id=is_id,
        is_rigid=is_id or (bool(values) and all(map(_INSTANT.fullmatch, values))),
        is_full=len(values) == len(cells),
    )


def _shortened(cell: Text) -> Text:
    """Return an instant without fractions of a second."""
    found = _INSTANT.fullmatch(cell.plain)
    return Text(f"{found[1]}{found[3]}", style=cell.style) if found and found[2] else cell


def _least_missed(columns: Sequence[_Column]) -> _Column:
    """Return the id column if there is a name beside it, otherwise the last column that is not the status."""
    first, *others = columns
    ids = [each for each in others if each.is_id] if first.is_full and not first.is_id else []
    return (ids or [each for each in others if each.title != _MOST_MISSED] or others)[-1]


def _needed(widths: Iterator[int]) -> int:
    each = list(widths)
    return sum(each) + _GAP * (len(each) - 1)


def _widths(columns: Sequence[_Column], width: int) -> list[int]:
    """Return the widths of the columns. If there is too little room, the widest are cut first."""
    widths = [each.width for each in columns]
    while (over := _needed(iter(widths)) - width) > 0:
        can = [at for at, each in enumerate(columns) if widths[at] > each.least]
        if not can:
            return [min(each, width) for each in widths]  # a single column, wider than the terminal
        can.sort(key=lambda at: widths[at])
        widest = can[-1]
        below = max(columns[widest].least, widths[can[-2]] if len(can) > 1 else 0)
        widths[widest] -= min(over, max(1, widths[widest] - below))
    return widths


def _line(cells: Sequence[Text], widths: Sequence[int]) -> Text:
    line = Text()
    for at, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        cut = cell.copy()
        cut.truncate(width, overflow="ellipsis", pad=at < len(cells) - 1)
        line.append_text(cut)
        if at < len(cells) - 1:
            line.append(" " * _GAP)
    return line
