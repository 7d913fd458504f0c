"""The six fields of EventBridge's cron(): minutes, hours, day of month, month, weekday from 1 (Sunday), year."""

import re
from typing import Final

from kronos.counting import counted
from kronos.imports import cron_fields
from kronos.imports.cron_fields import Dialect, Expression
from kronos.imports.translation import RefusedError, shown
from kronos.records import dataclass

_NAMES: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_AMAZON: Final = Dialect(called="EventBridge", number_with_step=True, question_mark=True, sunday_is_7=False)
_LAST_YEAR: Final = 2199
_MONTH_DAY = re.compile(r"l|lw|l-[0-9]{1,2}w?|[0-9]{1,2}w", re.ASCII)


@dataclass(frozen=True, slots=True)
class YearSpan:
    """Years from `first` to `last`."""

    first: int
    last: int


def read(text: str) -> tuple[Expression, YearSpan | None]:
    """Return the ticks in Kronos's form, and the years they are limited to. Raises RefusedError."""
    fields = text.lower().split()
    if len(fields) != 6:
        raise RefusedError(
            f"cron({shown(text)}) has {counted(len(fields), 'field')}: EventBridge has six, of which the "
            f"last is the year"
        )
    minute, hour, day, month, weekday, year = fields
    if (day == "?") == (weekday == "?"):
        raise RefusedError("in EventBridge, exactly one of day of month and weekday is ?")
    # What only a day field of EventBridge has is set aside. The rest is read like any cron.
    plain_day, own_day = _day(day)
    plain_weekday, own_weekday = _weekday(weekday)
    plain = cron_fields.read([minute, hour, plain_day, month, plain_weekday], _AMAZON)
    parts = plain.text.split(" ")
    parts[2], parts[4] = own_day or parts[2], own_weekday or parts[4]
    read_text = " ".join(parts)
    return Expression(text=read_text, has_fixed_hours=plain.has_fixed_hours, was_wild=plain.was_wild), _years(year)


def _day(field: str) -> tuple[str, str | None]:
    """Return the field without L and W, and Kronos's form of a field that has them."""
    parts = field.split(",")
    if not any(_MONTH_DAY.fullmatch(part) for part in parts):
        return field, None
    plain = [part for part in parts if not _MONTH_DAY.fullmatch(part)]
    return ",".join(plain) or "?", ",".join(part.upper() if _MONTH_DAY.fullmatch(part) else part for part in parts)


def _weekday(field: str) -> tuple[str, str | None]:
    """Return the field with Sunday as 0, and Kronos's form of a field with L or #. Raises RefusedError."""
    if field in ("?", "*"):
        return field, None
    parts = field.split(",")
    own = [_named(part) for part in parts]
    if any(special for _, special in own):
        return "?", ",".join(text for text, _ in own)
    return ",".join(text for text, _ in own), None


def _named(part: str) -> tuple[str, bool]:
    """Return a part of a weekday list in Kronos's form, and whether it has L or #. Raises RefusedError."""
    if part == "l":
        return "6", True
    if found := re.fullmatch(r"(\w+?)(l|#[1-5])", part, re.ASCII):
        return f"{_from_0(found[1], part)}{found[2].upper()}", True
    if found := re.fullmatch(r"(\w+)(?:-(\w+))?(?:/([0-9]{1,3}))?", part, re.ASCII):
        start, end = _from_0(found[1], part), _from_0(found[2], part) if found[2] else ""
        return f"{start}{f'-{end}' if end else ''}{f'/{found[3]}' if found[3] else ''}", False
    return part, False


def _from_0(text: str, part: str) -> str:
    """Return a weekday counted from 0. Raises RefusedError."""
    if text in _NAMES:
        return text
    if not re.fullmatch(r"[1-7]", text):
        raise RefusedError(f"weekday {part!r}: days are 1 (Sunday) to 7, or SUN to SAT")
    return str(int(text) - 1)


def _years(field: str) -> YearSpan | None:
    """Return the span of years. Raises RefusedError."""
    if field in ("*", "?"):
        return None
    found = re.fullmatch(r"([0-9]{4})(?:-([0-9]{4}))?", field, re.ASCII)
    if not found:
        raise RefusedError(f"year {shown(field)!r}: Kronos has starts_at and ends_at, so only one span of years")
    first, last = int(found[1]), int(found[2] or found[1])
    if not 1970 <= first <= last <= _LAST_YEAR:
        raise RefusedError(f"year {shown(field)!r} is out of range")
    return YearSpan(first, last)
