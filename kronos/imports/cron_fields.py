"""The five fields of other crons, read by their own rules and written by Kronos's.

A dialect describes what a field may contain. An expression that crons read differently is rejected, not guessed.
"""

import re
from typing import Final

from kronos.imports.translation import RefusedError
from kronos.records import dataclass

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_SUNDAY: Final = ("0", "sun")
_ITEM = re.compile(r"(\*|\?|[0-9]{1,4}|[a-z]{3})(?:-([0-9]{1,4}|[a-z]{3}))?(?:/([0-9]{1,4}))?", re.ASCII)
_MOST_CHARACTERS = 200
"""Maximum length of Kronos's cron expressions: kronos.cron_length()."""


@dataclass(frozen=True, slots=True)
class CronField:
    """One of the five fields: its name and values."""

    title: str
    low: int
    high: int
    names: tuple[str, ...] = ()


MINUTE: Final = CronField("minute", 0, 59)
HOUR: Final = CronField("hour", 0, 23)
DAY: Final = CronField("day of month", 1, 31)
MONTH: Final = CronField("month", 1, 12, _MONTHS)
WEEKDAY: Final = CronField("weekday", 0, 7, _WEEKDAYS)
FIELDS: Final = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The rules of one cron that differ from others."""

    called: str
    number_with_step: bool = False
    """`5/15` means 5-59/15; in other crons it is an error, or 5."""
    question_mark: bool = False
    """`?` is a star in the day fields; for robfig/cron, in every field."""
    steps_are_stars: bool = True
    """Vixie cron: a field that begins with `*`, even `*/2`, must match together with the other day field. robfig/cron:
    only a `*` without a step is such a star, anywhere in the field."""
    sunday_is_7: bool = True
    has_last_day: bool = False
    """`$` means the last day of the month."""


VIXIE: Final = Dialect(called="cron")
PG_CRON: Final = Dialect(called="pg_cron", has_last_day=True)
ROBFIG: Final = Dialect(
    called="Kubernetes", number_with_step=True, question_mark=True, steps_are_stars=False, sunday_is_7=False
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a list: `first` to `last` in steps of `step`. `text` is Kronos's form."""

    first: int
    last: int
    step: int
    is_star: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A cron expression for Kronos.

    `has_fixed_hours`: its hour field does not begin with a star. `was_wild`: the minute or hour began with a star in
    the source.
    """

    text: str
    has_fixed_hours: bool
    was_wild: bool


def read(fields: list[str], dialect: Dialect) -> Expression:
    """Return the same ticks in Kronos's form. Raises RefusedError."""
    if len(fields) != 5:
        raise RefusedError(f"a schedule has five fields, this one has {len(fields)}")
    lists = [_items(text.lower(), field, dialect) for text, field in zip(fields, FIELDS, strict=True)]
    if not dialect.steps_are_stars:
        lists[2], lists[4] = _unstarred(lists[2], lists[4])
    text = " ".join(",".join(item.text for item in items) for items in lists)
    if len(text) > _MOST_CHARACTERS:
        raise RefusedError(f"the schedule has {len(text)} characters, the maximum is {_MOST_CHARACTERS}: use ranges")
    hour = lists[1][0]
    return Expression(
        text=text,
        has_fixed_hours=not hour.text.startswith("*"),
        was_wild=lists[0][0].is_star or hour.is_star,
    )


def _unstarred(days: list[Part], weekdays: list[Part]) -> tuple[list[Part], list[Part]]:
    """Return the day fields of a cron for which only a bare `*` is a star. Where Kronos would take a step for a star,
    the range is written out. A list that contains a star means every day, and must match together with the other
    field."""
    return _written_out(days, DAY, 31), _written_out(weekdays, WEEKDAY, 6)


def _written_out(items: list[Part], field: CronField, high: int) -> list[Part]:
    if any(item.is_star and item.step == 1 for item in items):
        return [Part(first=field.low, last=high, step=1, is_star=True, text="*")]
    return [_range(item, field, high) if item.is_star else item for item in items]


def _range(star: Part, field: CronField, high: int) -> Part:
    """Write a star with a step as a range, which Kronos does not take for a star."""
    text = f"{field.low}-{high}/{star.step}" if star.step <= high - field.low else str(field.low)
    return Part(first=field.low, last=high, step=star.step, is_star=False, text=text)


def _items(text: str, field: CronField, dialect: Dialect) -> list[Part]:
    return [_item(part, field, dialect) for part in text.split(",")]


def _item(part: str, field: CronField, dialect: Dialect) -> Part:
    """Read one part of a list. Raises RefusedError."""
    what = f"{field.title} {part!r}"
    if part == "$" and field is DAY and dialect.has_last_day:
        return Part(first=31, last=31, step=1, is_star=False, text="$")
    if not (found := _ITEM.fullmatch(part)):
        raise RefusedError(f"{what}: {_strange(part, field)}")
    start, end, step_text = found.groups()
    if start == "?" and not (dialect.question_mark and (field in (DAY, WEEKDAY) or not dialect.steps_are_stars)):
        raise RefusedError(f"{what}: {dialect.called} does not support ?")
    step = int(step_text or 1)
    if step < 1:
        raise RefusedError(f"{what}: a step must be at least 1")
    if start in "*?":
        if end is not None:
            raise RefusedError(f"{what}: a * cannot have an end")
        return _star(field, step, dialect)
    if end is None and step_text is None:
        first = _number(start, field, what, dialect)
        return Part(first=first, last=first, step=1, is_star=False, text=_written(start))
    if end is None and not dialect.number_with_step:
        raise RefusedError(
            f"{what}: crons disagree on a step without a range: write {start}-{field.high}/{step}, or {start}"
        )
    end = end or str(_high(field, dialect))
    if field is WEEKDAY and dialect.sunday_is_7 and step_text is None and end in _SUNDAY and start not in _SUNDAY:
        end = "7"  # as in cronie, for fri-sun
    return _span(start, end, step, field, what, dialect)


def _span(start: str, end: str, step: int, field: CronField, what: str, dialect: Dialect) -> Part:
    """Read a range. Raises RefusedError."""
    first, last = (_number(text, field, what, dialect) for text in (start, end))
    if first > last:
        raise RefusedError(f"{what}: {dialect.called} does not support backward ranges: list the parts")
    if step > last - first:
        return Part(first=first, last=first, step=1, is_star=False, text=_written(start))
    span = f"{_written(start)}-{_written(end)}"
    return Part(first=first, last=last, step=step, is_star=False, text=f"{span}/{step}" if step > 1 else span)


def _high(field: CronField, dialect: Dialect) -> int:
    return 6 if field is WEEKDAY and not dialect.sunday_is_7 else field.high


def _star(field: CronField, step: int, dialect: Dialect) -> Part:
    """Read `*` with its step. A step beyond the last value leaves only the first; in a day field it is still a star."""
    high = _high(field, dialect)
    if step == 1:
        return Part(first=field.low, last=high, step=1, is_star=True, text="*")
    most = 31 if field is DAY else 7 if field is WEEKDAY else high
    if step > most and field not in (DAY, WEEKDAY):
        return Part(first=field.low, last=field.low, step=1, is_star=True, text=str(field.low))
    step = min(step, most)
    return Part(first=field.low, last=high, step=step, is_star=True, text=f"*/{step}")


def _number(text: str, field: CronField, what: str, dialect: Dialect) -> int:
    if text.isdigit():
        value = int(text)
        if not field.low <= value <= _high(field, dialect):
            raise RefusedError(f"{what}: {value} is not between {field.low} and {_high(field, dialect)}")
        return value
    if text not in field.names:
        raise RefusedError(f"{what}: {text!r} is not the name of a {field.title}")
    return field.names.index(text) + field.low


def _written(text: str) -> str:
    return str(int(text)) if text.isdigit() else text


def _strange(part: str, field: CronField) -> str:
    """Return why a part is invalid, with a hint."""
    if part == "":
        return "the list has an empty part"
    if "~" in part:
        return "cron chooses a random time at each start: choose a fixed one, and set jitter_seconds in Kronos"
    if re.match(r"h\b|h\(", part):
        return "H is only for Jenkins: choose a value"
    if re.search(r"[lw#$]", part) and field in (DAY, WEEKDAY):
        return "this cron does not support L, W, # and $"
    if re.fullmatch(r"[a-z]{4,}(-[a-z]{4,})?", part):
        return "names must have three letters"
    return "it is not valid"
