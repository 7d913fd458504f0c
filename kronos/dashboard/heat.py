"""The heat map of the load to come: a column an hour, a row a minute of the hour; or, of a week, five minutes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WIDTH, HEIGHT = 960, 240
LEVELS = 5
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_ZONES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatLevel:
    """All cells of one strength as one path, which is stroked. `least`: runs a minute from which on a cell has it."""

    level: int
    least: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatZone:
    """Some hours as one link: to their busiest minute."""

    x: float
    width: float
    begins_at: datetime
    ends_at: datetime
    busiest_at: datetime
    most: int
    whole: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """The whole."""

    levels: list[HeatLevel]
    zones: list[HeatZone]
    minutes_of_cell: int
    stroke: float


def map_of(from_at: datetime, runs: Sequence[int], most: int | None = None) -> HeatMap:
    """What the load looks like, run by minute from `from_at` on; `most`: the busiest minute of what it is compared
    with."""
    begin = from_at.replace(minute=0)
    offset = (from_at - begin) // _MINUTE
    hours = -(-(offset + len(runs)) // 60)
    of_cell = 1 if hours <= 48 else 5
    of_zone = -(-hours // _ZONES)
    hours += -hours % of_zone  # so that all zones are equally wide
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
    """By hour, the busiest minute of each cell."""
    padded = [*runs, *[0] * (hours * 60 - len(runs))]
    return [
        [max(padded[hour * 60 + at : hour * 60 + at + of_cell]) for at in range(0, 60, of_cell)]
        for hour in range(hours)
    ]


def _path(cells: Sequence[Sequence[int]], start: int, end: int, hours: int, of_cell: int) -> str:
    """The cells of start to end runs, a line down the middle of each hour; those that are below each other are one."""
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
    """Links that are wide enough for a finger."""
    begin = from_at.replace(minute=0)
    zones = []
    for hour in range(0, hours, each):
        since, until = begin + hour * _HOUR, begin + min(hour + each, hours) * _HOUR
        first = min(max((since - from_at) // _MINUTE, 0), len(runs) - 1)
        part = list(runs[first : max((until - from_at) // _MINUTE, 0)])
        most = max(part, default=0)
        busiest = first + part.index(most) if part else first
        zones.append(
            HeatZone(
                x=round(hour * WIDTH / hours, 1),
                width=round(min(each, hours - hour) * WIDTH / hours, 1),
                begins_at=since,
                ends_at=until,
                busiest_at=from_at + busiest * _MINUTE,
                most=most,
                whole=sum(part),
            )
        )
    return zones
