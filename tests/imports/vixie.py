"""Vixie cron and cronie, written from their source and not from kronos/imports: how a field is read, and what the main
loop runs in each minute, including clock changes."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS = [(0, 59, []), (0, 23, []), (1, 31, []), (1, 12, MONTHS), (0, 7, WEEKDAYS)]
_JUMP, _MOST = 5, 180
_MINUTE = timedelta(minutes=1)


class BadEntryError(Exception):
    """Raised where cron reports `bad minute` and the like."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry's bits and flags."""

    bits: list[set[int]]
    stars: list[bool]

    @property
    def is_wild(self) -> bool:
        """MIN_STAR or HR_STAR."""
        return self.stars[0] or self.stars[1]

    def has(self, at: datetime) -> bool:
        """find_jobs(): whether it runs in this minute of the clock."""
        minutes, hours, days, months, weekdays = self.bits
        if at.minute not in minutes or at.hour not in hours or at.month not in months:
            return False
        in_days, in_weekdays = at.day in days, at.isoweekday() % 7 in weekdays
        return (in_days and in_weekdays) if self.stars[2] or self.stars[4] else (in_days or in_weekdays)


def read(schedule: str) -> Entry:
    """load_entry(). Raises BadEntryError."""
    fields = schedule.split()
    bits = [_bits(text, low, high, names) for text, (low, high, names) in zip(fields, _FIELDS, strict=True)]
    if {0, 7} & bits[4]:
        bits[4] |= {0, 7}
    return Entry(bits, [text.startswith("*") for text in fields])


def _bits(text: str, low: int, high: int, names: list[str]) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, has_step, step = part.partition("/")
        if span == "*":
            first, last = low, high
        elif "-" in span:
            start, _, end = span.partition("-")
            first, last = _number(start, low, names), _number(end, low, names)
            if first > last == 0 and not has_step:
                last = 7
        else:
            first = last = _number(span, low, names)
            if has_step:
                raise BadEntryError(part)
        if has_step and (not step.isdigit() or int(step) == 0):
            raise BadEntryError(part)
        for value in range(first, last + 1, int(step or 1)):
            if not low <= value <= high:
                raise BadEntryError(part)
            found.add(value)
    return found


def _number(text: str, low: int, names: list[str]) -> int:
    if text.isdigit():
        return int(text)
    if text.lower() in names:
        return names.index(text.lower()) + low
    raise BadEntryError(text)


def runs(entry: Entry, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    """The instants at which cron's main loop runs the entry, minute by minute. A fixed time that was skipped by a jump
    of up to three hours runs immediately; several of them are several runs."""
    minutes, hours = entry.bits[:2]
    usual, jumps = _steps(zone, begin, end)
    found = [
        at
        for (hour, minute), steps in usual.items()
        if hour in hours and minute in minutes
        for at, now in steps
        if entry.has(now)
    ]
    for jump in jumps:
        seen = [jump.now] if entry.is_wild else jump.skipped
        found += [jump.at for each in seen if entry.has(each)]
    return sorted(found)


@dataclass(frozen=True, slots=True)
class _Jump:
    """A minute in which the clock was set: fixed times that it skipped run now; if it was set back, they have run."""

    at: datetime
    now: datetime
    skipped: list[datetime]


@cache
def _steps(
    zone: str, begin: datetime, end: datetime
) -> tuple[dict[tuple[int, int], list[tuple[datetime, datetime]]], list[_Jump]]:
    """What the main loop sees in each minute, which is the same for all entries: usual minutes by their time of day,
    and those after the clock was set."""
    usual: dict[tuple[int, int], list[tuple[datetime, datetime]]] = defaultdict(list)
    jumps: list[_Jump] = []
    times = local_times(zone, begin, end)
    virtual = times[0]
    for number, now in enumerate(times[1:]):
        at = begin + timedelta(minutes=number)
        passed = now - virtual
        if passed == _MINUTE or (jump := passed // _MINUTE) > _MOST or jump <= -_MOST:
            virtual = now
            usual[now.hour, now.minute].append((at, now))
        elif jump > _JUMP:
            jumps.append(_Jump(at, now, [virtual + timedelta(minutes=n) for n in range(1, jump + 1)]))
            virtual = now
        else:
            jumps.append(_Jump(at, now, []))
    return usual, jumps


@cache
def local_times(zone: str, begin: datetime, end: datetime) -> list[datetime]:
    """The local time of the zone in each minute, from the one before `begin` on. Clocks change at quarters of an hour
    of UTC only.
    """
    clock, at, found = ZoneInfo(zone), begin - _MINUTE, []
    local = at.astimezone(clock).replace(tzinfo=None)
    while at < end:
        if at.minute % 15 == 0:
            local = at.astimezone(clock).replace(tzinfo=None)
        found.append(local)
        at, local = at + _MINUTE, local + _MINUTE
    return found


def by_the_clock(entry: Entry, zone: str, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The runs of a scheduler that only compares each minute with the clock."""
    for number, now in enumerate(local_times(zone, begin, end)[1:]):
        if entry.has(now):
            yield begin + timedelta(minutes=number)


BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


def changes(zone: str) -> list[tuple[datetime, datetime]]:
    """Three days around each clock change of the zone within the year."""
    clock = ZoneInfo(zone)
    hours = [BEGIN + timedelta(hours=n) for n in range(366 * 24)]
    offsets = [each.astimezone(clock).utcoffset() for each in hours]
    found = [hours[n] for n in range(1, len(hours)) if offsets[n] != offsets[n - 1]]
    return [(at - timedelta(days=3), at + timedelta(days=3)) for at in found if at < END - timedelta(days=4)]
