"""What calendars do to ticks, in the plainest Python: day by day, tick by tick, with Python's own zones. It shares no
code with Kronos, only the rules of docs/calendars.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Local times [starts, ends) that a calendar names as closed, or open."""

    starts: datetime
    ends: datetime
    name: str
    open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainCalendar:
    """A calendar's closed times, on one zone's clocks. `weekdays`: the open ones; 0 is Monday."""

    zone: str
    weekdays: frozenset[int]
    opens: time
    closes: time
    """00:00 means the end of the day."""
    named: tuple[Named, ...]

    def closes_at(self, at: datetime) -> bool:
        """Whether the calendar is closed at an instant."""
        local = at.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
        there = [each for each in self.named if each.starts <= local < each.ends]
        if any(each.open for each in there):
            return False
        if there or local.weekday() not in self.weekdays:
            return True
        return local.time() < self.opens or (self.closes != time() and local.time() >= self.closes)


def instant_of(local: datetime, zone: str) -> datetime:
    """The instant at which a zone's clocks first show a local time. For a time that they never show, the first instant
    after the gap.
    """
    aware = local.replace(tzinfo=ZoneInfo(zone), fold=0)
    at = aware.astimezone(UTC)
    if at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local:
        return at
    while at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) < local:  # to the other side of the gap
        at += timedelta(minutes=1)
    before = at - timedelta(days=1, hours=1)  # a zone that crossed the date line skipped a whole day
    shown = [before + n * timedelta(minutes=1) for n in range(25 * 60 + 1)]
    return next(
        later
        for earlier, later in pairwise(shown)
        if later.astimezone(ZoneInfo(zone)).utcoffset() != earlier.astimezone(ZoneInfo(zone)).utcoffset()
    )


def run_of(
    tick: datetime, ticks: Sequence[datetime], zone: str, calendars: Sequence[PlainCalendar], on_blackout: str
) -> datetime | None:
    """When a tick runs; None if it is skipped. `ticks` must reach far enough on both sides of it."""

    def is_closed(at: datetime) -> bool:
        return any(calendar.closes_at(at) for calendar in calendars)

    def day_of(at: datetime) -> date:
        return at.astimezone(ZoneInfo(zone)).date()

    if not is_closed(tick):
        return tick
    if on_blackout == "SKIP":
        return None
    step = 1 if on_blackout == "NEXT" else -1
    local = tick.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    for days in range(1, 367):
        at = instant_of(local + step * timedelta(days=days), zone)
        if not is_closed(at):
            break
    else:
        return None
    # The days from the other day to the tick's own, without its own: does one of them have ticks?
    own, other = day_of(tick), day_of(at)
    between = {own + step * timedelta(days=n) for n in range(1, abs((other - own).days) + 1)}
    return None if any(day_of(each) in between for each in ticks) else at
