"""The English schedules of App Engine's cron, which Cloud Scheduler also accepts, as cron expressions and intervals.

`every 5 minutes`, `every day 09:00`, `every mon,wed 10:30`, `1st,third monday of jan,jul 17:00`, `1,15 of month 00:00`,
`every 2 hours from 10:00 to 14:00`, `every 15 minutes synchronized`.
"""

import re
from typing import Final

from kronos.imports.translation import RefusedError, shown
from kronos.records import dataclass

_WEEKDAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_ORDINALS: Final = {
    **{"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5},
    **{"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5},
}
_DAY: Final = 24 * 60
_EVERY = re.compile(
    r"every ([0-9]{1,4}) (minutes?|mins?|hours?)(?: (synchronized|from ([0-9:]{4,5}) to ([0-9:]{4,5})))?", re.ASCII
)
_ON = re.compile(r"(?:every )?(.+?)(?: of (.+?))? ([0-9]{1,2}:[0-9]{2})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A cron expression or an interval. `after_the_run`: the interval counts from the end of the previous run."""

    cron: str | None = None
    every: str | None = None
    after_the_run: bool = False


def is_phrase(text: str) -> bool:
    """Return whether the text is not a cron expression."""
    return bool(
        re.match(r"\s*(?:every\b|[0-9]{1,2}(?:st|nd|rd|th)\b|first|second|third|fourth|fifth)", text, re.I)
    ) or (" of " in text)


def read(text: str) -> Phrase:
    """Return the same ticks as a cron expression or interval. Raises RefusedError."""
    plain = re.sub(r",\s+", ",", " ".join(text.lower().split()))
    if found := _EVERY.fullmatch(plain):
        minutes = int(found[1]) * (60 if found[2].startswith("h") else 1)
        if minutes < 1:
            raise RefusedError("the interval is 0")
        if found[3] is None:
            return Phrase(every=f"{minutes}m", after_the_run=True)
        start, end = (0, _DAY - 1) if found[3] == "synchronized" else (_minute(found[4]), _minute(found[5]))
        return Phrase(cron=_spread(minutes, start, end))
    if found := _ON.fullmatch(plain):
        at = _minute(found[3])
        day, month, weekday = _days(found[1], found[2])
        return Phrase(cron=f"{at % 60} {at // 60} {day} {month} {weekday}")
    raise RefusedError(f"{shown(text)!r} is not supported: write it as a cron expression")


def _minute(text: str) -> int:
    """Return the minute of the day. Raises RefusedError."""
    hour, _, minute = text.partition(":")
    if not (hour.isdigit() and minute.isdigit() and int(hour) < 24 and int(minute) < 60):
        raise RefusedError(f"{text} is not a time of day")
    return int(hour) * 60 + int(minute)


def _spread(minutes: int, start: int, end: int) -> str:
    """Return every `minutes` from `start` to `end` of a day. Raises RefusedError if five fields cannot express it."""
    if end < start:
        raise RefusedError("the schedule goes past midnight: split it into two jobs")
    times = list(range(start, end + 1, minutes))
    if start == 0 and end == _DAY - 1 and _DAY % minutes:
        raise RefusedError(f"a day is not a multiple of {minutes} minutes: use an interval")
    by_hour: dict[int, list[int]] = {}
    for time in times:
        by_hour.setdefault(time // 60, []).append(time % 60)
    if len({tuple(each) for each in by_hour.values()}) > 1:
        raise RefusedError("its hours have different minutes, which five fields cannot express: create a job for each")
    found = next(iter(by_hour.values()))
    minute = "*" if found == list(range(60)) else ",".join(map(str, found))
    hour = "*" if len(by_hour) == 24 else ",".join(map(str, by_hour))
    return f"{minute} {hour} * * *"


def _days(days: str, months: str | None) -> tuple[str, str, str]:
    """Return the day of month, the month and the weekday. Raises RefusedError."""
    month = "*" if months in (None, "month") else ",".join(str(_index(each, _MONTHS) + 1) for each in _list(months))
    if days in ("day", "weekday") and months is None:
        return "*", "*", "*" if days == "day" else "1-5"
    if re.fullmatch(r"[0-9]{1,2}(st|nd|rd|th)?(,[0-9]{1,2}(st|nd|rd|th)?)*", days) and months is not None:
        numbers = [int(re.sub(r"\D", "", each)) for each in days.split(",")]
        if not all(1 <= each <= 31 for each in numbers):
            raise RefusedError(f"{days} is not a day of the month")
        return ",".join(map(str, numbers)), month, "*"
    ordinals, _, named = days.rpartition(" ")
    weekdays = range(7) if named == "day" else [_index(each, _WEEKDAYS) for each in _list(named)]
    if not ordinals:
        return "*", month, "*" if named == "day" else ",".join(map(str, weekdays))
    counts = [_ORDINALS.get(each) for each in ordinals.split(",")]
    if None in counts or named == "day":
        raise RefusedError(f"{shown(days)!r} is not supported")
    return "*", month, ",".join(f"{weekday}#{count}" for count in counts for weekday in weekdays)


def _list(text: str | None) -> list[str]:
    return (text or "").split(",")


def _index(text: str, names: tuple[str, ...]) -> int:
    """Return the index of a name or its abbreviation. Raises RefusedError."""
    for index, name in enumerate(names):
        if len(text) >= 3 and name.startswith(text):
            return index
    raise RefusedError(f"{shown(text)!r} is not supported")
