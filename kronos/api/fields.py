"""Field types shared by several request models: names, timestamps, bounded integers, JSON of limited size."""

import re
from datetime import UTC, datetime
from types import UnionType
from typing import Annotated, Any, ClassVar, NoReturn, Union, get_args, get_origin

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from kronos import json_sizes, unseen
from kronos.delivery.headers import MAX_HEADERS
from kronos.model import Json
from kronos.secrets import MAX_VALUE_BYTES, MIN_VALUE_CHARACTERS

MAX_INPUT_BYTES = 256 * 1024
# kronos.cron_length() in the database; a test holds them equal.
MAX_CRON_CHARACTERS = 200
_RFC3339 = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt](?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})(?P<fraction>\.[0-9]{1,9})?(?P<offset>[Zz]|[+-][0-9]{2}:[0-5][0-9])",
    re.ASCII,
)
_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?", re.ASCII)
# Local times as people and browsers' form fields write them: to the minute, with a space, or only a date.
_NEARLY_LOCAL = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})([Tt ](?P<time>[0-9]{2}:[0-9]{2})(?P<second>:[0-9]{2})?(\.[0-9]+)?)?",
    re.ASCII,
)
_LOCAL_MINUTE = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ](?P<time>[0-9]{2}:[0-9]{2})(?P<second>:[0-9]{2}(\.[0-9]{1,9})?)?",
    re.ASCII,
)
UUID_FORM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_EXPONENT = re.compile(rb"[0-9]e[+-]?([0-9]{1,3})")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,9})", re.ASCII)
SLUG = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
WORKSPACE_FORM = re.compile(f"{SLUG}|(?i:{UUID_FORM.pattern})", re.ASCII)
# For workers. `default` stands for workers that serve no group.
WORKER_GROUP = r"(?!default$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
ENDPOINT_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
JOB_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}"
SECRET_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}"  # noqa: S105  # a pattern
_TIMESTAMP_HINT = "Write RFC 3339 with an offset, such as 2026-12-01T09:00:00Z or 2026-12-01T09:00:00+05:30."
_PLUS_HINT = "In a URL, write the + of an offset as %2B, or use Z."
_FIRST_YEAR, _LAST_YEAR = 1970, 2999


def _is_integer(annotation: object) -> bool:
    """Return whether the annotation is int or int | None, with or without bounds; lists of them are not."""
    origin = get_origin(annotation)
    return annotation is int or (
        origin in (Annotated, Union, UnionType) and any(map(_is_integer, get_args(annotation)))
    )


class Body(BaseModel):
    """A request body: no unknown fields, no type conversion. 1.0 is an integer, as in JSON Schema.

    Its validator is built with the first route that takes it: all of them take 50 ms and 5 MB.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)
    _integers: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        """Remember the fields that hold an integer."""
        super().__pydantic_init_subclass__(**kwargs)
        cls._integers = tuple(
            field.alias or name for name, field in cls.model_fields.items() if _is_integer(field.annotation)
        )

    @model_validator(mode="before")
    @classmethod
    def _read_integers(cls, given: Json) -> Json:
        if isinstance(given, dict):
            for name in cls._integers:
                if name in given and isinstance(given[name], float):
                    given = {**given, name: whole(given[name])}
        return given


class Listing(Body):
    """A body that lists documents. Each may be nested as deeply as it may be alone."""


class Query(BaseModel):
    """A query string: no unknown parameters. Numbers and times are parsed from text."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def timestamp(text: object) -> datetime:
    """Return the instant of an RFC 3339 text. Raises PydanticCustomError with a hint."""
    if not isinstance(text, str):
        _refuse("a timestamp must be a string", _TIMESTAMP_HINT)
    if not (found := _RFC3339.fullmatch(text)):
        hint = _TIMESTAMP_HINT
        if _has_lost_plus(text):
            hint = _PLUS_HINT
        elif re.fullmatch(r"[0-9-]{10}[Tt ][0-9:.]+", text):
            hint = f"The offset is missing: w{hint[1:]}"
        _refuse("not an RFC 3339 timestamp with an offset", hint)
    offset = "+00:00" if found["offset"] in "Zz" else found["offset"]
    # PostgreSQL stores microseconds; finer digits are cut.
    fraction = (found["fraction"] or ".0")[:7]
    try:
        return datetime.fromisoformat(f"{found['date']}T{found['time']}{fraction:0<7}{offset}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        _refuse(f"no such time: {error}", _TIMESTAMP_HINT)


def is_timestamp(value: object) -> bool:
    """Return whether the value is the text of a valid instant."""
    try:
        timestamp(value)
    except PydanticCustomError:
        return False
    return True


def time_or_local(text: object) -> datetime:
    """Return the instant of an RFC 3339 text, or, for a text without an offset, the local time as a naive datetime.
    Raises PydanticCustomError with a hint."""
    if isinstance(text, str) and _LOCAL.fullmatch(text):
        return timestamp(f"{text}Z").replace(tzinfo=None)
    if isinstance(text, str) and not _RFC3339.fullmatch(text) and (near := _NEARLY_LOCAL.fullmatch(text)):
        full = f"{near['date']}T{near['time'] or '09:00'}{near['second'] or ':00'}"
        _refuse(
            "neither a full local time nor an instant",
            f"Write {full} and a timezone, or append an offset: {full}Z for UTC.",
        )
    return timestamp(text)


def job_time(text: object) -> datetime:
    """Return the instant of an RFC 3339 text, or, for a text without an offset, the local time in the job's zone as a
    naive datetime; seconds may be omitted. Raises PydanticCustomError with a hint."""
    if isinstance(text, str) and (near := _LOCAL_MINUTE.fullmatch(text)):
        text = f"{near['date']}T{near['time']}{near['second'] or ':00'}"
        return timestamp(f"{text}Z").replace(tzinfo=None)
    if not (isinstance(text, str) and _RFC3339.fullmatch(text)):
        hint = "Write 2026-12-01T09:00:00Z, or 2026-12-01T09:00 for a local time in the job's zone."
        _refuse("neither an instant nor a local time", _PLUS_HINT if _has_lost_plus(text) else hint)
    return timestamp(text)


def _has_lost_plus(text: object) -> bool:
    """Return whether the + of an offset was written into a URL unchanged, where it is a space."""
    return isinstance(text, str) and re.fullmatch(r".*T[0-9:.]* [0-9:]*", text) is not None


def _schedulable(at: datetime) -> datetime:
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        _refuse(f"the year {at.year} is out of range", f"Write a year from {_FIRST_YEAR} to {_LAST_YEAR}.")
    return at


def _named(text: str, pattern: str, hint: str) -> str:
    if not re.fullmatch(pattern, text, re.ASCII):
        _refuse("not a valid name", hint)
    if UUID_FORM.fullmatch(text):
        _refuse("a name must not look like an id", "Use a name that is not a UUID.")
    return text


def _slug(text: str) -> str:
    hint = "Use 1 to 63 lowercase letters, digits and -, with a letter or digit first and last, such as acme."
    return _named(text, SLUG, hint)


def _endpoint_name(text: str) -> str:
    hint = (
        "Use 1 to 63 letters, digits, '.', '_' and '-', with a letter or digit first, such as weekly-report. The title "
        "may be any text."
    )
    return _named(text, ENDPOINT_NAME, hint)


def _calendar_name(text: str) -> str:
    hint = "Use 1 to 63 letters, digits, '.', '_' and '-', with a letter or digit first, such as holidays."
    return _named(text, ENDPOINT_NAME, hint)


def _worker_group(text: str) -> str:
    hint = (
        "Use 1 to 63 lowercase letters, digits and '-', with a letter or digit first and last, such as private-net. "
        "Omit it for workers that serve no group; their group is called default."
    )
    return _named(text, WORKER_GROUP, hint)


def _secret_name(text: str) -> str:
    hint = (
        "Use 1 to 63 letters, digits, '_' and '-', with a letter or digit first, such as api-token. In a template, a "
        "'.' would end the name."
    )
    return _named(text, SECRET_NAME, hint)


def _secret_value(text: str) -> str:
    if (size := len(text.encode())) > MAX_VALUE_BYTES:
        _refuse(f"the value has {size} bytes; at most {MAX_VALUE_BYTES} are allowed", "Store a key to it instead.")
    return text


def _job_name(text: str) -> str:
    hint = (
        "Use 1 to 127 letters, digits, '.', '_' and '-', with a letter or digit first, such as weekly-report. The "
        "title may be any text."
    )
    return _named(text, JOB_NAME, hint)


def _small(value: Json) -> Json:
    size = written_bytes(value)
    if size > MAX_INPUT_BYTES:
        detail = (
            f"{size} bytes as JSON with its numbers written out (1e20 is 21 digits); at most {MAX_INPUT_BYTES} are "
            "allowed"
        )
        _refuse(detail, "Store the data elsewhere, and pass its address.")
    return value


def written_bytes(value: Json) -> int:
    """Return the size in bytes of a value as PostgreSQL returns it: compact JSON, but numbers without an exponent, so
    1e300 has 301 digits. A value whose text is too large as it was sent is as large as that text."""
    text = orjson.dumps(value)
    # Strings may look like such numbers, so a match here only means that exact counting is needed.
    if len(text) > MAX_INPUT_BYTES or len(text) + sum(int(each) for each in _EXPONENT.findall(text)) <= MAX_INPUT_BYTES:
        return len(text)
    return len(text) + json_sizes.growth(value, lambda number: orjson.dumps(number).decode())


def few_headers(given: object) -> object:
    """Return the headers if they are not too many. Checked before each header, to report one fault and not hundreds.
    Raises PydanticCustomError."""
    if isinstance(given, dict) and len(given) > MAX_HEADERS:
        _refuse(
            f"{len(given)} headers are set; at most {MAX_HEADERS} are allowed",
            "Remove headers that the receiver does not read.",
        )
    return given


def _number_text(text: object) -> object:
    if isinstance(text, str) and not _INTEGER.fullmatch(text):
        _refuse("not an integer", "Write only digits, such as 50.")
    return text


def _flag_text(text: object) -> object:
    if isinstance(text, str) and text not in ("true", "false"):
        _refuse("neither true nor false", "Write true or false.")
    return text == "true" if isinstance(text, str) else text


def schema(value: Json) -> Json:
    """Return the value if it can be a JSON Schema. Raises PydanticCustomError."""
    if not isinstance(value, dict | bool):
        _refuse("a JSON Schema must be an object, true or false", 'Write for example {"type":"object"}.')
    return value


def shallow(value: Json) -> Json:
    """Return the document if PostgreSQL returns it in no more bytes than an input may have. Raises
    PydanticCustomError."""
    return _small(value)


def whole(value: object) -> object:
    """Return an integer for a float such as 1.0, as in JSON Schema."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _cron(text: str) -> str:
    if len(text) > MAX_CRON_CHARACTERS:
        _refuse(
            f"cron text: {len(text)} characters; at most {MAX_CRON_CHARACTERS} are allowed",
            "Shorten lists with ranges and steps, such as */5. Leave out commands and comments.",
        )
    return text


def _titled(text: str, info: ValidationInfo) -> str:
    # The context has the stored texts: an unchanged text may stay, although it would be rejected today.
    if (found := unseen.found(text)) and (info.field_name, text) not in (info.context or ()):
        _refuse(
            f"the text contains the invisible character {found}",
            "Remove it: a title or tag is one line of visible characters.",
        )
    return _shown(text)


def _shown(text: str) -> str:
    if not text.strip():
        _refuse("the text is blank", "Write at least one visible character.")
    return text


def _refuse(message: str, hint: str) -> NoReturn:
    # pydantic formats the message with the context: braces in a caller's value must not be read as fields.
    raise PydanticCustomError("kronos", "{message}", {"message": message, "hint": hint})


def _pattern(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


def _line(most: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "minLength": 1, "maxLength": most, "pattern": unseen.PATTERN})


_TIME = {"type": "string", "format": "date-time"}
_SCHEDULABLE = _TIME | {"pattern": "^(19[7-9]|2[0-9][0-9])[0-9]-"}
AnyTime = Annotated[datetime, BeforeValidator(timestamp), WithJsonSchema(_TIME)]
"""Any instant, for filters."""
Time = Annotated[datetime, BeforeValidator(timestamp), AfterValidator(_schedulable), WithJsonSchema(_SCHEDULABLE)]
"""An instant at which something may be scheduled."""
TimeOrLocal = Annotated[
    datetime,
    BeforeValidator(time_or_local),
    AfterValidator(_schedulable),
    WithJsonSchema(
        {
            "anyOf": [
                _SCHEDULABLE,
                {"type": "string", "pattern": "^(19[7-9]|2[0-9][0-9])[0-9]" + _LOCAL.pattern[8:] + "$"},
            ]
        }
    ),
]
"""An instant, or a naive local time in the zone given with it."""
_DATE_PATTERN = (
    "((19[7-9]|2[0-9][0-9])[0-9]-"
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    "|(19(7[26]|8[048]|9[26])|2[0-9](0[48]|[2468][048]|[13579][26])|2[048]00)-02-29)"
)
_LOCAL_PATTERN = f"^{_DATE_PATTERN}[Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{{1,9}})?)?$"
JobTime = Annotated[
    datetime,
    BeforeValidator(job_time),
    AfterValidator(_schedulable),
    WithJsonSchema({"anyOf": [_SCHEDULABLE, {"type": "string", "pattern": _LOCAL_PATTERN}]}),
]
"""An instant, or a naive local time in the zone of the job that it is asked about."""
Slug = Annotated[str, AfterValidator(_slug), _pattern(SLUG)]
EndpointName = Annotated[str, AfterValidator(_endpoint_name), _pattern(ENDPOINT_NAME)]
CalendarName = Annotated[str, AfterValidator(_calendar_name), _pattern(ENDPOINT_NAME)]
JobName = Annotated[str, AfterValidator(_job_name), _pattern(JOB_NAME)]
WorkerGroup = Annotated[str, AfterValidator(_worker_group), _pattern(WORKER_GROUP)]
SecretName = Annotated[str, AfterValidator(_secret_name), _pattern(SECRET_NAME)]
SecretValue = Annotated[
    str, Field(min_length=MIN_VALUE_CHARACTERS, max_length=MAX_VALUE_BYTES), AfterValidator(_secret_value)
]
WholeNumber = Annotated[int, BeforeValidator(_number_text)]
"""An integer in a query string: only digits."""
Flag = Annotated[bool, BeforeValidator(_flag_text), WithJsonSchema({"type": "boolean"})]
"""A boolean in a query string: true or false."""
Template = Annotated[Any, AfterValidator(_small), WithJsonSchema({})]
Input = Annotated[dict[str, Any], AfterValidator(_small), WithJsonSchema({"type": "object"})]
Cron = Annotated[
    str,
    Field(min_length=1),
    AfterValidator(_cron),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_CRON_CHARACTERS}),
]
Text = Annotated[str, AfterValidator(_shown), Field(json_schema_extra={"minLength": 1, "pattern": r"\S"})]
Note = Annotated[Text, Field(max_length=500)]
Zone = Annotated[str, Field(min_length=1, max_length=64)]
Title = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_titled), _line(200)]
Tag = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_titled), _line(64)]
DayName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_titled), _line(100)]
IdempotencyKey = Annotated[str, Field(min_length=1, max_length=255)]
Int32 = Annotated[int, Field(ge=1, le=2**31 - 1)]
