"""The heat map of future load: one column per hour, one row per minute of the hour (per five minutes for a week)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from kronos.records import dataclass

WIDTH, HEIGHT = 960, 240
LEVELS = 5
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_ZONES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatLevel:
    """All cells of one level, as a single stroked path. `least`: the fewest runs per minute at this level."""

    level: int
    least: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatZone:
    """A range of hours that links to its busiest minute."""

    x: float
    width: float
    begins_at: datetime
    ends_at: datetime
    busiest_at: datetime
    most: int
    whole: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """The complete heat map."""

    levels: list[HeatLevel]
    zones: list[HeatZone]
    minutes_of_cell: int
    stroke: float


def map_of(from_at: datetime, runs: Sequence[int], most: int | None = None) -> HeatMap:
    """Return the heat map of `runs`, one number per minute from `from_at` on.

    `most`: the busiest minute of the map it is compared with, to give both the same colors."""
    begin = from_at.replace(minute=0)
    offset = (from_at - begin) // _MINUTE
    hours = -(-(offset + len(runs)) // 60)
    of_cell = 1 if hours <= 48 else 5
    of_zone = -(-hours // _ZONES)
    hours += -hours % of_zone  # so that all zones have the same width
    cells = _cells([*[0] * offset, *runs], hours, of_cell)
    most = max(runs) if most is None else most
    leasts = sorted({max(-(-most * level // LEVELS), 1) for level in range(1, LEVELS + 1)})
    starts = [1, *(each + 1 for each in leasts[:-1])]
    return HeatMap(
        levels=[
            HeatLevel(level=nth + LEVELS - len(starts) + 1, least=start, path=_path(cells, start, end, hours, of_cell))
            for nth, (start, end) in enumerate(zip(starts, leasts, strict=True))
            if most
        ],
        zones=_zones(from_at, runs, hours, of_zone),
        minutes_of_cell=of_cell,
        stroke=round(WIDTH / hours - 0.6, 1),
    )


def _cells(runs: Sequence[int], hours: int, of_cell: int) -> list[list[int]]:
    """Return, for each hour, the busiest minute of each cell."""
    padded = [*runs, *[0] * (hours * 60 - len(runs))]
    return [
        [max(padded[hour * 60 + at : hour * 60 + at + of_cell]) for at in range(0, 60, of_cell)]
        for hour in range(hours)
    ]


def _path(cells: Sequence[Sequence[int]], start: int, end: int, hours: int, of_cell: int) -> str:
    """Return the path of cells with start to end runs: lines down the middle of each hour, adjacent cells joined."""
    width, height = WIDTH / hours, HEIGHT / (60 / of_cell)
    parts = []
    for hour, column in enumerate(cells):
        at = 0
        below: int | None = None  # where the pen is in this column
        while at < len(column):
            length = 0
            while at + length < len(column) and start <= column[at + length] <= end:
                length += 1
            if length:
                x = round((hour + 0.5) * width, 1)
                parts.append(f"M{x:g} {at * height:g}" if below is None else f"m0 {(at - below) * height:g}")
                parts.append(f"v{length * height:g}")
                below = at + length
            at += length or 1
    return "".join(parts)


def _zones(from_at: datetime, runs: Sequence[int], hours: int, each: int) -> list[HeatZone]:
    """Return links that are wide enough for a finger. Each of them has at least one minute of the window."""
    begin = from_at.replace(minute=0)
    zones = []
    for hour in range(0, hours, each):
        since, until = begin + hour * _HOUR, begin + (hour + each) * _HOUR
        first = max((since - from_at) // _MINUTE, 0)
        part = list(runs[first : (until - from_at) // _MINUTE])
        most = max(part)
        zones.append(
            HeatZone(
                x=round(hour * WIDTH / hours, 1),
                width=round(each * WIDTH / hours, 1),
                begins_at=since,
                ends_at=until,
                busiest_at=from_at + (first + part.index(most)) * _MINUTE,
                most=most,
                whole=sum(part),
            )
        )
    return zones
