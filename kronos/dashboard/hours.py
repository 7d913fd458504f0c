"""The chart of the last and the next hour: one bar per minute, in linked zones of ten minutes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from kronos.overview import Minute
from kronos.records import dataclass

WIDTH, HEIGHT = 960, 132
_BAR = 8
_ROOM = HEIGHT - 20
_LEAST = 3.0  # so that one failure among thousands shows
_OF_ZONE = 10
# From the axis up. Outcomes that need attention are on top.
_STACK = (
    ("delivered", "good"),
    ("upcoming", "calm"),
    ("running", "busy"),
    ("waiting", "wait"),
    ("retrying", "wait"),
    ("skipped", "wait"),
    ("cancelled", "wait"),
    ("late", "warn"),
    ("missed", "bad"),
    ("expired", "bad"),
    ("failed", "bad"),
)
_GLYPHS = {
    "delivered": "✓",
    "upcoming": "○",
    "running": "▶",
    "waiting": "…",
    "retrying": "↻",
    "skipped": "⤼",
    "cancelled": "⊘",
    "late": "!",
    "missed": "∅",
    "expired": "◷",
    "failed": "✕",
}
"""The same glyphs as a job's ticks (charts/ticks.html)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourBar:
    """A segment of a minute's bar."""

    kind: str
    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HourZone:
    """Ten minutes: their ticks in words, and their bars. `is_past`: the ten minutes have begun."""

    begins_at: datetime
    ends_at: datetime
    x: int
    words: str
    is_past: bool
    bars: list[HourBar]


@dataclass(frozen=True, slots=True, kw_only=True)
class HourTotal:
    """The number of ticks of the two hours with this outcome."""

    name: str
    kind: str
    glyph: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursChart:
    """The complete chart. `now_x`: where the current minute begins; `most`: the value of the highest bar."""

    zones: list[HourZone]
    totals: list[HourTotal]
    most: int
    now_x: int
    is_cut: bool


def chart(minutes: Sequence[Minute], now: datetime) -> HoursChart:
    """Return the chart of these minutes."""
    most = max((_whole(each) for each in minutes), default=0)
    zones = []
    for first in range(0, len(minutes), _OF_ZONE):
        part = minutes[first : first + _OF_ZONE]
        bars = [bar for nth, each in enumerate(part) for bar in _bars(each, (first + nth) * _BAR, max(most, 1))]
        zones.append(
            HourZone(
                begins_at=part[0].at,
                ends_at=part[-1].at + timedelta(minutes=1),
                x=first * _BAR,
                words=_words(part),
                is_past=part[0].at <= now,
                bars=bars,
            )
        )
    totals = [
        HourTotal(name=name, kind=kind, glyph=_GLYPHS[name], number=sum(getattr(each, name) for each in minutes))
        for name, kind in _STACK
    ]
    past = sum(1 for each in minutes if each.at <= now)
    return HoursChart(
        zones=zones,
        totals=[each for each in totals if each.number],
        most=most,
        now_x=(past - 1) * _BAR,
        is_cut=any(each.is_cut for each in minutes),
    )


def _whole(minute: Minute) -> int:
    return sum(getattr(minute, name) for name, _ in _STACK)


def _bars(minute: Minute, x: int, most: int) -> list[HourBar]:
    """Return the segments of a minute's bar; those of the same kind are merged."""
    bars: list[HourBar] = []
    top = float(HEIGHT - 12)
    by_kind: dict[str, int] = {}
    for name, kind in _STACK:
        if number := getattr(minute, name):
            by_kind[kind] = by_kind.get(kind, 0) + number
    for kind, number in by_kind.items():
        height = max(number / most * (_ROOM - _LEAST * 4), _LEAST)
        top -= height
        bars.append(HourBar(kind=kind, x=x + 0.5, y=round(top, 1), height=round(height, 1)))
    return bars


def _words(part: Sequence[Minute]) -> str:
    told = [
        f"{number:,}{' or more' if any(each.is_cut for each in part) else ''} {name}"
        for name, _ in reversed(_STACK)
        if (number := sum(getattr(each, name) for each in part))
    ]
    return ", ".join(told) or "nothing"
