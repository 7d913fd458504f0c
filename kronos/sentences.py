"""Make a schedule from a sentence of plain English, or from picks in a calendar. Both produce only the cron text, or
the interval, that a person would have written. Its meaning is defined by the one interpreter, in the database.

A sentence is read piece by piece: times, a pace, hours between which it runs, days, months. A word that no piece takes
rejects the whole sentence: nothing is guessed.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field

from kronos import errors
from kronos.errors import Fault
from kronos.records import dataclass

MOST_CHARACTERS = 200
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "ninety": 90, "other": 2, "second": 2,
}  # fmt: skip
_ORDINALS = {"first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5", "last": "L"}
_DAY = r"(?:sun(?:day)?|mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:rs?(?:day)?)?|fri(?:day)?|sat(?:urday)?)s?"
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_TIME = r"(?:noon|midnight|\d{1,2}(?::\d{2})?\s*(?:am|pm)?)"
_CLOCK = r"(?:noon|midnight|\d{1,2}:\d{2}\s*(?:am|pm)?|\d{1,2}\s*(?:am|pm))"
"""A time that needs no "at" before it."""
_AND = r"(?:\s*,\s*and\s+|\s*,\s*|\s+and\s+(?:on\s+)?(?:the\s+)?)"
_NTH = r"(?:first|second|third|fourth|fifth|last|[1-5](?:st|nd|rd|th))"
_OF_MONTH = r"(?:\s+(?:day\s+)?(?:of|in)\s+(?:the|every|each|a)\s+month)"
_COUNT = rf"(?:\d{{1,4}}|{'|'.join(_NUMBERS)})"
_FILLER = re.compile(r"\b(?:run|runs|at|on|in|of|the|every|each|and|day|days|daily|o'clock|oclock)\b|[.,]")
_UNITS = {"minute": ("m", 60), "hour": ("h", 24), "day": ("d", 0), "week": ("w", 0)}
_HINT = "Write it such as: every weekday at 9:30; first monday of the month at 6:00; every 15 minutes between 9 and 17."


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSentence:
    """The schedule of a sentence: `cron` or `every`."""

    cron: str | None = None
    every: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picks:
    """Picks in a calendar. Weekdays are 0, Sunday, to 6; an empty list means any. `times` are HH:MM."""

    times: Sequence[str]
    weekdays: Sequence[int] = ()
    days: Sequence[int] = ()
    months: Sequence[int] = ()


@dataclass(slots=True)
class _Parts:
    """The parts of a sentence read so far."""

    left: str
    times: list[tuple[int, int]] = field(default_factory=list)
    pace: tuple[int, str] | None = None
    between: tuple[tuple[int, int], tuple[int, int]] | None = None
    weekdays: list[str] = field(default_factory=list)
    days: list[str] = field(default_factory=list)
    months: list[int] = field(default_factory=list)

    def take(self, pattern: str, use: Callable[[re.Match[str]], None]) -> None:
        """Use every match of the pattern, and remove it from the rest."""

        def used(found: re.Match[str]) -> str:
            use(found)
            return " ; "

        self.left = re.sub(rf"(?<![\w:]){pattern}(?![\w:])", used, self.left)


def read(sentence: str) -> ReadSentence:
    """Return the schedule of a sentence. Raises Unprocessable, which names what was not understood."""
    if len(sentence) > MOST_CHARACTERS:
        raise _refused(f"the sentence has {len(sentence)} characters; at most {MOST_CHARACTERS} are allowed")
    parts = _Parts(left=" ".join(sentence.lower().split()))
    parts.take(rf"(?:between|from)\s+({_TIME})\s+(?:and|to|until|till)\s+({_TIME})", lambda got: _between(parts, got))
    _read_days(parts)
    _read_pace(parts)
    for lead in (rf"at\s+({_TIME}", rf"({_CLOCK}"):
        parts.take(
            rf"{lead}(?:{_AND}(?:at\s+)?{_TIME})*)",
            lambda got: parts.times.extend(_time(each) for each in re.findall(_TIME, got[1])),
        )
    has_daily = re.search(r"\b(?:every day|each day|daily|day)\b", parts.left) is not None
    unread = " ".join(_FILLER.sub(" ", parts.left).replace(";", " ").split())
    if unread:
        raise _refused(f"“{unread}” was not understood")
    has_dates = bool(parts.weekdays or parts.days or parts.months)
    has_time = parts.pace is not None or parts.between is not None or bool(parts.times)
    if not (has_time or has_dates or has_daily):
        raise _refused("no time, no interval and no day was understood")
    return _written(parts)


def _between(parts: _Parts, got: re.Match[str]) -> None:
    parts.between = (_time(got[1]), _time(got[2]))


def _read_days(parts: _Parts) -> None:
    def nth_weekday(got: re.Match[str]) -> None:
        nth = _ORDINALS.get(got[1], got[1][0])
        for day in re.findall(_DAY, got[2]):
            number = _weekday(day)
            parts.weekdays.append(f"{number}L" if nth == "L" else f"{number}#{nth}")

    def weekday_range(got: re.Match[str]) -> None:
        first, last = _weekday(got[1]), _weekday(got[2])
        parts.weekdays.extend(str(each % 7) for each in range(first, last + (7 if last < first else 0) + 1))

    parts.take(rf"(?:on\s+)?(?:the\s+)?({_NTH})\s+({_DAY}(?:{_AND}{_DAY})*){_OF_MONTH}", nth_weekday)
    parts.take(
        rf"(?:on\s+)?(?:the\s+)?last\s+(?:weekday|working day|business day){_OF_MONTH}",
        lambda _: parts.days.append("LW"),
    )
    parts.take(
        rf"(?:on\s+)?(?:the\s+)?(?:first|1st)\s+(?:weekday|working day|business day){_OF_MONTH}",
        lambda _: parts.days.append("1W"),
    )
    parts.take(rf"(?:on\s+)?(?:the\s+)?last\s+day{_OF_MONTH}", lambda _: parts.days.append("L"))
    parts.take(rf"(?:on\s+)?(?:the\s+)?first\s+day{_OF_MONTH}", lambda _: parts.days.append("1"))
    parts.take(
        rf"(?:on\s+)?(?:the\s+)?(\d{{1,2}}(?:st|nd|rd|th)(?:{_AND}\d{{1,2}}(?:st|nd|rd|th))*){_OF_MONTH}?",
        lambda got: parts.days.extend(_date(each) for each in re.findall(r"\d+", got[1])),
    )
    parts.take(
        rf"(?:(?:on|every|each)\s+)?({_DAY})\s*(?:to|through|until|till|-|\u2013)\s*({_DAY})",
        weekday_range,
    )
    parts.take(
        r"(?:(?:on|every|each)\s+)?(?:weekdays?|workdays?|working days?|business days?)",
        lambda _: parts.weekdays.extend("12345"),
    )
    parts.take(r"(?:(?:on|at|every|each)\s+)?weekends?", lambda _: parts.weekdays.extend("60"))
    parts.take(
        rf"(?:(?:on|every|each)\s+)?({_DAY}(?:{_AND}(?:every\s+)?{_DAY})*)",
        lambda got: parts.weekdays.extend(str(_weekday(each)) for each in re.findall(_DAY, got[1])),
    )
    parts.take(
        rf"(?:(?:in|of|every|each)\s+)?({_MONTH}(?:{_AND}{_MONTH})*)",
        lambda got: parts.months.extend(_month(each) for each in re.findall(_MONTH, got[1])),
    )
    parts.take(r"(?:every quarter(?!\s+(?:of an )?hour)|quarterly)", lambda _: parts.months.extend((1, 4, 7, 10)))
    parts.take(r"(?:every month|each month|monthly)", lambda _: parts.months.extend(range(1, 13)))
    parts.take(r"(?:every year|each year|yearly|annually)", lambda _: parts.months.extend(() if parts.months else (1,)))


def _read_pace(parts: _Parts) -> None:
    def pace(number: int, unit: str) -> None:
        if parts.pace is not None:
            raise _refused("two intervals were understood, but a schedule has only one")
        parts.pace = (number, {"min": "minute", "h": "hour"}.get(unit, unit))

    def paced(got: re.Match[str]) -> None:
        count = got[1] or "1"
        pace(_NUMBERS[count] if count in _NUMBERS else int(count), got[2])

    parts.take(r"(?:every|each)\s+half\s+(?:an\s+)?hour", lambda _: pace(30, "minute"))
    parts.take(r"(?:every|each)\s+quarter\s+(?:of an )?hour", lambda _: pace(15, "minute"))
    parts.take(rf"(?:every|each)\s+({_COUNT})\s+(minute|hour|day|week)s?", paced)
    parts.take(rf"(?:every|each)\s+({_COUNT})\s*(min|h)s?", paced)
    parts.take(r"(?:every|each)\s+()(minute|hour)", paced)
    parts.take(r"hourly", lambda _: pace(1, "hour"))


def _written(parts: _Parts) -> ReadSentence:
    days, weekdays, months = _listed(parts.days), _listed(parts.weekdays), _listed(map(str, parts.months))
    if parts.months and not parts.days and not parts.weekdays and parts.pace is None:
        days = "1"
    if len(set(parts.months)) == 12:
        months = "*"
    if days != "*" and weekdays != "*":
        raise _refused(
            "both days of the month and weekdays were understood, but cron runs when either matches, not only when "
            "both do"
        )
    if parts.pace is None:
        if parts.between is not None:
            raise _refused("it says between which hours, but not how often", "Add such as: every 15 minutes.")
        minutes, hours = _product(parts.times or [(0, 0)])
        return ReadSentence(cron=f"{minutes} {hours} {days} {months} {weekdays}")
    number, unit = parts.pace
    short, most = _UNITS[unit]
    has_dates = (days, months, weekdays) != ("*", "*", "*")
    if number < 1:
        raise _refused(f"every {number} {unit}s is not an interval")
    if unit == "day" and number == 1:
        raise _refused("every 1 day is every day", "Write: every day at 9:30.")
    if most and number < most and most % number == 0:
        minutes, hours = _paced(parts, number, unit)
        return ReadSentence(cron=f"{minutes} {hours} {days} {months} {weekdays}")
    if parts.times or parts.between or has_dates:
        detail = f"every {number} {unit}s continues through all hours and days, so it cannot have times or days"
        raise _refused(detail, "Write only the interval, and give its anchor: what it is counted from.")
    return ReadSentence(every=f"{number}{short}")


def _paced(parts: _Parts, number: int, unit: str) -> tuple[str, str]:
    """Return minutes and hours of a schedule that runs several times an hour, or a day."""
    step = "*" if number == 1 else f"*/{number}"
    if unit == "minute":
        if parts.times:
            raise _refused(
                "it has times, but runs every few minutes", "Leave the times out, or write: between 9 and 17."
            )
        if parts.between is None:
            return step, "*"
        (first, first_minute), (last, last_minute) = parts.between
        if first_minute or last_minute:
            raise _refused("a schedule of minutes begins and ends at full hours", "Write: between 9 and 17.")
        return step, _hours(first, (last - 1) % 24)
    if parts.times and (len(parts.times) > 1 or parts.times[0][0] or parts.between is not None):
        raise _refused("it has times, but runs every few hours", "Leave the times out, or write: between 9 and 17.")
    if parts.between is None:
        return str(parts.times[0][1] if parts.times else 0), step
    (first, minute), (last, last_minute) = parts.between
    if last_minute < minute:
        last = (last - 1) % 24
    hours = _hours(first, last)
    if number > 1 and first != last:
        hours = f"{hours}/{number}" if first < last else _listed(map(str, _around(first, last)[::number]))
    return str(minute), hours


def from_picks(picks: Picks) -> str:
    """Return the cron text of a calendar's picks. Raises Unprocessable, each fault at its field."""
    faults = []
    if not picks.times:
        faults.append(Fault(pointer="/times", detail="no time is picked", hint="Write one or more, such as 09:30."))
    if picks.weekdays and picks.days:
        faults.append(
            Fault(
                pointer="/days",
                detail="both weekdays and days of the month are picked, but cron runs when either matches, not only "
                "when both do",
                hint="Leave one of them out.",
            )
        )
    try:
        minutes, hours = _product([_time(each) for each in picks.times] or [(0, 0)])
    except errors.Unprocessable as refused:
        faults += [Fault(pointer="/times", detail=each.detail, hint=each.hint) for each in refused.faults]
    if faults:
        raise errors.Unprocessable.of(*faults)
    days, months, weekdays = (_listed(map(str, each)) for each in (picks.days, picks.months, picks.weekdays))
    return f"{minutes} {hours} {days} {months} {weekdays}"


def _product(times: Iterable[tuple[int, int]]) -> tuple[str, str]:
    """Return minutes and hours whose combinations are these times: cron has no others."""
    given = set(times)
    hours, minutes = {hour for hour, _ in given}, {minute for _, minute in given}
    if len(given) < len(hours) * len(minutes):
        shown = ", ".join(f"{hour:02}:{minute:02}" for hour, minute in sorted(given))
        raise _refused(
            f"{shown}: one schedule has the same minutes in each of its hours",
            "Create a job for each time, or choose the same minute.",
        )
    return _listed(map(str, minutes)), _listed(map(str, hours))


def _listed(items: Iterable[str]) -> str:
    """Return a field of cron: * for none, ranges of three or more as 1-5, otherwise a list."""
    given = list(dict.fromkeys(items))
    if not given:
        return "*"
    if not all(each.isdecimal() for each in given):
        return ",".join(given)
    numbers = sorted(map(int, given))
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs)


def _hours(first: int, last: int) -> str:
    return (
        f"{first}-{last}" if first < last else str(first) if first == last else _listed(map(str, _around(first, last)))
    )


def _around(first: int, last: int) -> list[int]:
    """Return the hours from the first to the last, across midnight if the last is earlier."""
    return [hour % 24 for hour in range(first, last + (24 if last < first else 0) + 1)]


def _time(text: str) -> tuple[int, int]:
    text = text.strip()
    if text in ("noon", "midnight"):
        return (12, 0) if text == "noon" else (0, 0)
    found = re.fullmatch(r"(\d{1,2})(?::(\d{2}))?\s*(am|pm)?", text)
    if found is None:
        raise _refused(f"“{text}” is not a time", "Write it as 09:30, or 9:30 am.")
    hour, minute, half = int(found[1]), int(found[2] or 0), found[3]
    if half is not None:
        if not 1 <= hour <= 12:
            raise _refused(f"“{text}” is not a time", "Write it as 09:30, or 9:30 am.")
        hour = hour % 12 + (12 if half == "pm" else 0)
    if hour > 23 or minute > 59:
        raise _refused(f"“{text}” is not a time of day", "Hours are 0 to 23, minutes 0 to 59.")
    return hour, minute


def _weekday(text: str) -> int:
    return next(number for number, name in enumerate(_WEEKDAYS) if name.startswith(text[:3]))


def _month(text: str) -> int:
    return next(number for number, name in enumerate(_MONTHS, 1) if name.startswith(text[:3]))


def _date(text: str) -> str:
    if not 1 <= int(text) <= 31:
        raise _refused(f"{text} is not a day of the month", "Days are 1 to 31.")
    return str(int(text))


def _refused(detail: str, hint: str = _HINT) -> errors.Unprocessable:
    return errors.Unprocessable.of(Fault(pointer="/sentence", detail=detail, hint=hint))
