"""What the fields of a request accept: instants, local times, names, numbers, sizes. What is rejected has a hint that
says what to write instead.
"""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from kronos.api import fields
from kronos.api.fields import MAX_INPUT_BYTES, Body, Query, is_timestamp, time_or_local, timestamp, written_bytes
from kronos.delivery.headers import MAX_HEADERS
from kronos.model import Json
from kronos.secrets import MAX_VALUE_BYTES

RFC3339 = "Write RFC 3339 with an offset, such as 2026-12-01T09:00:00Z or 2026-12-01T09:00:00+05:30."
READERS: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter(getattr(fields, name))
    for name in (
        "AnyTime", "CalendarName", "Cron", "DayName", "EndpointName", "Flag", "IdempotencyKey", "Input", "Int32",
        "JobName", "Note", "SecretName", "SecretValue", "Slug", "Tag", "Template", "Text", "Time", "TimeOrLocal",
        "Title", "WholeNumber", "WorkerGroup", "Zone",
    )
}  # fmt: skip


def refused(field: str, value: object) -> tuple[str, str | None]:
    """The message and the hint with which a field rejects a value."""
    with pytest.raises(ValidationError) as caught:
        READERS[field].validate_python(value)
    (error,) = caught.value.errors()
    return error["msg"], error.get("ctx", {}).get("hint")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-12-01T09:00:00Z", datetime(2026, 12, 1, 9, tzinfo=UTC)),
        ("2026-12-01t09:00:00z", datetime(2026, 12, 1, 9, tzinfo=UTC)),
        ("2026-12-01T09:00:00+05:30", datetime(2026, 12, 1, 3, 30, tzinfo=UTC)),
        ("2026-12-01T09:00:00-23:59", datetime(2026, 12, 2, 8, 59, tzinfo=UTC)),
        ("2026-12-01T09:00:00-00:00", datetime(2026, 12, 1, 9, tzinfo=UTC)),
        ("2026-12-01T09:00:00.5Z", datetime(2026, 12, 1, 9, 0, 0, 500_000, UTC)),
        ("2026-12-01T09:00:00.000001Z", datetime(2026, 12, 1, 9, 0, 0, 1, UTC)),
        ("2026-12-01T09:00:00.1234567Z", datetime(2026, 12, 1, 9, 0, 0, 123_456, UTC)),
        ("2026-12-01T09:00:00.999999999Z", datetime(2026, 12, 1, 9, 0, 0, 999_999, UTC)),
        ("2024-02-29T23:59:59Z", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)),
    ],
)
def test_an_instant_is_read_to_the_microsecond_in_utc(text: str, instant: datetime) -> None:
    """Finer digits are cut, as PostgreSQL cannot store them."""
    assert (timestamp(text), timestamp(text).tzinfo, is_timestamp(text)) == (instant, UTC, True)


@pytest.mark.parametrize(
    ("value", "message", "hint"),
    [
        (1764547200, "a timestamp must be a string", RFC3339),
        (None, "a timestamp must be a string", RFC3339),
        ("", "not an RFC 3339 timestamp with an offset", RFC3339),
        ("tomorrow", "not an RFC 3339 timestamp with an offset", RFC3339),
        ("2026-12-01", "not an RFC 3339 timestamp with an offset", RFC3339),
        ("2026-12-01T09:00Z", "not an RFC 3339 timestamp with an offset", RFC3339),
        ("2026-12-01 09:00:00Z", "not an RFC 3339 timestamp with an offset", RFC3339),
        ("2026-12-01T09:00:00.Z", "not an RFC 3339 timestamp with an offset", RFC3339),
        ("2026-12-01T09:00:00.1234567890Z", "not an RFC 3339 timestamp with an offset", RFC3339),
        ("2026-12-01T09:00:00+0530", "not an RFC 3339 timestamp with an offset", RFC3339),
        ("2026-12-01T09:00:00+05:60", "not an RFC 3339 timestamp with an offset", RFC3339),
        ("2026-12-01T09:00:00-05:99", "not an RFC 3339 timestamp with an offset", RFC3339),
        ("2026-12-01T09:00:00Z ", "not an RFC 3339 timestamp with an offset", RFC3339),
        ("2026-12-01T09:00:00Z\n", "not an RFC 3339 timestamp with an offset", RFC3339),
        ("20261-12-01T09:00:00Z", "not an RFC 3339 timestamp with an offset", RFC3339),
        ("٢٠٢٦-12-01T09:00:00Z", "not an RFC 3339 timestamp with an offset", RFC3339),
        ("2026-13-01T09:00:00Z", "no such time: month must be in 1..12", RFC3339),
        ("2026-02-29T09:00:00Z", "no such time: day is out of range for month", RFC3339),
        ("2026-12-01T25:00:00Z", "no such time: hour must be in 0..23", RFC3339),
        ("2026-12-01T09:00:60Z", "no such time: second must be in 0..59", RFC3339),
        ("0001-01-01T00:00:00+01:00", "no such time: date value out of range", RFC3339),
        ("9999-12-31T23:30:00-01:00", "no such time: date value out of range", RFC3339),
        (
            "2026-12-01T09:00:00 05:30", "not an RFC 3339 timestamp with an offset",
            "In a URL, write the + of an offset as %2B, or use Z.",
        ),
        (
            "2026-12-01T09:00:00.5", "not an RFC 3339 timestamp with an offset",
            f"The offset is missing: w{RFC3339[1:]}",
        ),
        ("2026-12-01 09:00", "not an RFC 3339 timestamp with an offset", f"The offset is missing: w{RFC3339[1:]}"),
    ],
)  # fmt: skip
def test_what_is_no_instant_is_rejected_with_what_is_missing(value: object, message: str, hint: str) -> None:
    for field in ("AnyTime", "Time"):
        assert refused(field, value) == (message, hint)
    assert is_timestamp(value) is False


def test_an_offset_of_a_whole_day_is_no_offset() -> None:
    message, _ = refused("AnyTime", "2026-12-01T09:00:00+24:00")
    assert message.startswith("no such time: offset must be a timedelta strictly between")


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("2026-12-01T09:00:00", datetime(2026, 12, 1, 9)),  # noqa: DTZ001
        ("2026-12-01t09:00:00", datetime(2026, 12, 1, 9)),  # noqa: DTZ001
        ("2026-12-01T09:00:00.25", datetime(2026, 12, 1, 9, 0, 0, 250_000)),  # noqa: DTZ001
    ],
)
def test_a_text_without_an_offset_is_a_local_time(text: str, local: datetime) -> None:
    assert (time_or_local(text), time_or_local(text).tzinfo) == (local, None)
    assert time_or_local(f"{text}Z") == local.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("2026-12-01", "2026-12-01T09:00:00"),
        ("2026-12-01T07:30", "2026-12-01T07:30:00"),
        ("2026-12-01 07:30", "2026-12-01T07:30:00"),
        ("2026-12-01t07:30", "2026-12-01T07:30:00"),
        ("2026-12-01 07:30:15", "2026-12-01T07:30:15"),
        ("2026-12-01 07:30:15.5", "2026-12-01T07:30:15"),
        ("2026-12-01T07:30:15.0123456789", "2026-12-01T07:30:15"),
    ],
)
def test_a_time_that_is_nearly_local_is_shown_in_full(text: str, full: str) -> None:
    assert refused("TimeOrLocal", text) == (
        "neither a full local time nor an instant",
        f"Write {full} and a timezone, or append an offset: {full}Z for UTC.",
    )


@pytest.mark.parametrize(("value", "message"), [
    ("2026-12-01T09:00:61", "no such time: second must be in 0..59"),
    ("2026-12", "not an RFC 3339 timestamp with an offset"),
    (7, "a timestamp must be a string"),
])  # fmt: skip
def test_what_is_neither_is_rejected_as_an_instant(value: object, message: str) -> None:
    assert refused("TimeOrLocal", value)[0] == message


@pytest.mark.parametrize(
    ("year", "is_accepted"), [("1969", False), ("1970", True), ("2026", True), ("2999", True), ("3000", False)]
)
def test_what_is_scheduled_is_within_the_years_that_schedules_know(year: str, is_accepted: bool) -> None:
    for field, text in (
        ("Time", f"{year}-06-01T00:00:00Z"),
        ("TimeOrLocal", f"{year}-06-01T00:00:00Z"),
        ("TimeOrLocal", f"{year}-06-01T00:00:00"),
    ):
        if is_accepted:
            assert READERS[field].validate_python(text).year == int(year)
        else:
            assert refused(field, text) == (f"the year {year} is out of range", "Write a year from 1970 to 2999.")
    assert READERS["AnyTime"].validate_python(f"{year}-06-01T00:00:00Z").year == int(year)


ID = "0193f0c8-7a1e-7cc3-9b5a-4c1d2e3f4a5b"
NAMES = {
    "Slug": (63, ["a", "0", "acme-2", "a--b", "a" * 63], ["A", "-a", "a-", "a_b", "a.b", "", "a" * 64, "a\n", "é"]),
    "WorkerGroup": (63, ["private-net", "defaults", "a" * 63], ["default", "A", "-a", "a-", "a.b", "", "a" * 64]),
    "EndpointName": (63, ["a", "A.b_c-1", "9", "a.", "a" * 63], ["-a", ".a", "_a", "a b", "", "a" * 64, "a\n", "ä"]),
    "CalendarName": (63, ["holidays", "a-", "a" * 63], ["-a", ".a", "a b", "", "a" * 64]),
    "JobName": (127, ["a", "A.b_c-1", "a" * 127], ["-a", ".a", "_a", "a b", "a/b", "", "a" * 128, "a\n", "٣"]),
    "SecretName": (63, ["api-token", "A_b", "a" * 63], ["a.b", "-a", "_a", "", "a" * 64]),
}


@pytest.mark.parametrize("field", NAMES)
def test_a_name_is_of_the_form_that_its_hint_describes(field: str) -> None:
    most, good, bad = NAMES[field]
    for name in good:
        assert READERS[field].validate_python(name) == name
    for name in bad:
        message, hint = refused(field, name)
        assert (message, (hint or "").startswith(f"Use 1 to {most} ")) == ("not a valid name", True), name
    schema = READERS[field].json_schema()
    assert schema["type"] == "string"
    assert schema["pattern"].startswith("^")
    assert schema["pattern"].endswith("$")


@pytest.mark.parametrize("field", NAMES)
@pytest.mark.parametrize("name", [ID, ID.upper()])
def test_a_name_does_not_look_like_an_id(field: str, name: str) -> None:
    """What is in a path is either a name or an id."""
    message, hint = refused(field, name)
    if name == name.lower() or field not in ("Slug", "WorkerGroup"):
        assert (message, hint) == ("a name must not look like an id", "Use a name that is not a UUID.")
    assert READERS[field].validate_python(ID[:-1]) == ID[:-1]


@pytest.mark.parametrize("text", ["0", "50", "-1", "2147483647", "9999999999"])
def test_a_number_in_a_query_string_is_digits(text: str) -> None:
    assert READERS["WholeNumber"].validate_python(text) == int(text)


@pytest.mark.parametrize(
    "text", ["", "05", "+5", "5.0", "5e1", " 5", "5 ", "1_0", "0x5", "-0x", "5\n", "\u0665", "12345678901"]
)
def test_what_only_python_takes_for_a_number_is_rejected(text: str) -> None:
    assert refused("WholeNumber", text) == ("not an integer", "Write only digits, such as 50.")


def test_a_flag_in_a_query_string_is_true_or_false() -> None:
    assert [READERS["Flag"].validate_python(text) for text in ("true", "false", True, False)] == [
        True, False, True, False,
    ]  # fmt: skip
    for text in ("", "True", "1", "0", "yes", "on", "TRUE", "true "):
        assert refused("Flag", text) == ("neither true nor false", "Write true or false.")


def written_out(value: Json) -> int:
    """The length of a value's compact JSON in which no number has an exponent, as jsonb is written."""
    if isinstance(value, list):
        return 2 + sum(written_out(each) + 1 for each in value) - bool(value)
    if isinstance(value, dict):
        return 2 + sum(written_out(name) + written_out(each) + 2 for name, each in value.items()) - bool(value)
    if isinstance(value, float):
        return len(f"{Decimal(repr(value)):f}")
    return len(orjson.dumps(value))


@pytest.mark.parametrize("number", [1e300, -1e300, 1e-300, 1.5e200, 1e22, 1.234567e20, -1.5e-7, 5e-324])
def test_a_value_is_as_large_as_postgresql_returns_it(number: float) -> None:
    """jsonb writes numbers without an exponent."""
    for numbers in ([number] * 9, {"b": [number, number]}, [[number], "1e300", {"c": number}]):
        value: dict[str, Any] = {"a": numbers, "large": ""}
        value["large"] = "x" * (MAX_INPUT_BYTES - len(orjson.dumps(value)))
        assert written_bytes(value) == written_out(value)


@pytest.mark.parametrize(
    "value", [{}, {"a": 1}, "é", 1.5, "1e300", ["1e20", "2e9"], {"a": ["1e300"] * 4000}, {"a": [1, 2.5, None] * 900}]
)
def test_a_value_without_an_exponent_is_as_large_as_its_text(value: Json) -> None:
    """A string may look like a number; it stays as it is."""
    assert written_bytes(value) == written_out(value)


def test_an_input_may_have_as_many_bytes_as_the_limit_says() -> None:
    padding = MAX_INPUT_BYTES - len('{"a":""}')
    for field in ("Input", "Template"):
        assert READERS[field].validate_python({"a": "x" * padding})
        message, hint = refused(field, {"a": "x" * (padding + 1)})
        assert message == (
            f"{MAX_INPUT_BYTES + 1} bytes as JSON with its numbers written out (1e20 is 21 digits); "
            f"at most {MAX_INPUT_BYTES} are allowed"
        )
        assert hint == "Store the data elsewhere, and pass its address."
    written = {"n": 1.234567e20, "a": "x" * (padding - len('"n":123456700000000000000,'))}
    assert READERS["Input"].validate_python(written)
    assert refused("Input", written | {"a": f"{written['a']}x"})[0].startswith(f"{MAX_INPUT_BYTES + 1} bytes as JSON")
    assert READERS["Template"].validate_python(1.5) == fields.shallow(1.5) == 1.5
    with pytest.raises(PydanticCustomError, match="at most 262144 are allowed"):
        fields.shallow("x" * MAX_INPUT_BYTES)


def test_a_secret_is_bounded_in_bytes_and_not_in_characters() -> None:
    assert READERS["SecretValue"].validate_python("é" * (MAX_VALUE_BYTES // 2))
    assert refused("SecretValue", "é" * (MAX_VALUE_BYTES // 2 + 1)) == (
        f"the value has {MAX_VALUE_BYTES + 2} bytes; at most {MAX_VALUE_BYTES} are allowed",
        "Store a key to it instead.",
    )


def test_a_cron_text_is_bounded_and_says_how_to_shorten_it() -> None:
    assert READERS["Cron"].validate_python("*" * 200) == "*" * 200
    assert refused("Cron", "*" * 201) == (
        "cron text: 201 characters; at most 200 are allowed",
        "Shorten lists with ranges and steps, such as */5. Leave out commands and comments.",
    )


@pytest.mark.parametrize("field", ["Title", "Tag", "DayName"])
def test_a_line_for_people_has_something_to_see_and_nothing_hidden(field: str) -> None:
    assert READERS[field].validate_python("Ångström, 東京") == "Ångström, 東京"
    for text in (" ", "\u00a0\u2003"):
        assert refused(field, text)[0] in ("the text is blank", "the text contains the invisible character U+00A0")
    message, hint = refused(field, "a\u202eb")
    assert message.startswith("the text contains the invisible character U+202E")
    assert hint == "Remove it: a title or tag is one line of visible characters."
    assert refused("Note", "\n\t") == ("the text is blank", "Write at least one visible character.")
    assert READERS["Note"].validate_python("two\nlines") == "two\nlines"


class _Titled(Body):
    title: fields.Title
    other: fields.Title = "x"


def test_a_text_that_is_already_stored_may_stay_in_its_own_field() -> None:
    """A form that shows what is stored can be saved, although the text would be rejected today."""
    stored = {("title", "a\u202eb")}
    assert _Titled.model_validate({"title": "a\u202eb"}, context=stored).title == "a\u202eb"
    for given in ({"title": "c\u202ed"}, {"title": "ok", "other": "a\u202eb"}):
        with pytest.raises(ValidationError, match="invisible character"):
            _Titled.model_validate(given, context=stored)


def test_a_message_quotes_braces_as_they_were_sent() -> None:
    class Made(Body):
        at: fields.Time

    with pytest.raises(ValidationError) as caught:
        Made.model_validate({"at": "{hint}"})
    assert caught.value.errors()[0]["msg"] == "not an RFC 3339 timestamp with an offset"
    with pytest.raises(PydanticCustomError) as raised:
        fields.few_headers({str(number): "{message}" for number in range(MAX_HEADERS + 1)})
    assert raised.value.message() == (f"{MAX_HEADERS + 1} headers are set; at most {MAX_HEADERS} are allowed")
    few = {str(number): "x" for number in range(MAX_HEADERS)}
    assert (fields.few_headers(few), fields.few_headers("x")) == (few, "x")


def test_a_json_schema_is_an_object_or_a_boolean() -> None:
    for schema in ({}, {"type": "object"}, True, False):
        assert fields.schema(schema) == schema
    wrong: tuple[Json, ...] = (None, 1, "object", [])
    for value in wrong:
        with pytest.raises(PydanticCustomError) as raised:
            fields.schema(value)
        assert raised.value.context == {
            "message": "a JSON Schema must be an object, true or false",
            "hint": 'Write for example {"type":"object"}.',
        }


class _Numbered(Body):
    plain: int = 0
    bounded: fields.Int32 = 1
    optional: fields.Int32 | None = None
    renamed: int = Field(0, alias="from")
    many: list[int] = Field(default_factory=list)
    real: float = 0.0


def test_a_whole_number_may_be_written_as_a_decimal_as_in_json_schema() -> None:
    read = _Numbered.model_validate({"plain": 2.0, "bounded": 3.0, "optional": 4.0, "from": 5.0, "real": 6})
    assert [(each, type(each)) for each in (read.plain, read.bounded, read.optional, read.renamed)] == [
        (2, int), (3, int), (4, int), (5, int),
    ]  # fmt: skip
    assert (read.real, type(read.real)) == (6.0, float)
    sent: dict[str, Any] = {"plain": 2.0}
    _Numbered.model_validate(sent)
    assert type(sent["plain"]) is float, "what was sent is not changed"


@pytest.mark.parametrize(
    "given",
    [
        {"plain": 2.5}, {"plain": "2"}, {"plain": True}, {"plain": None}, {"bounded": 0}, {"bounded": 2.0**31},
        {"many": [1.0]}, {"real": "1"}, {"unknown": 1}, {"renamed": 1}, {"plain": float("inf")},
    ],
)  # fmt: skip
def test_no_other_value_becomes_a_number_and_no_field_is_ignored(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _Numbered.model_validate(given)


def test_a_query_string_has_no_unknown_parameter() -> None:
    class Asked(Query):
        limit: fields.WholeNumber = 20
        is_whole: fields.Flag = Field(False, alias="whole")

    read = Asked.model_validate({"limit": "5", "whole": "true"})
    assert (read.limit, read.is_whole) == (5, True)
    for given in ({"Limit": "5"}, {"is_whole": "true"}):
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            Asked.model_validate(given)


def test_the_forms_in_the_document_accept_what_the_fields_accept() -> None:
    """A client generated from the document validates as the API does."""
    schemas = {name: json.dumps(READERS[name].json_schema()) for name in ("Time", "TimeOrLocal", "Cron", "Title")}
    assert all(text in schemas["Time"] for text in ('"date-time"', "(19[7-9]|2[0-9][0-9])[0-9]-"))
    assert '"anyOf"' in schemas["TimeOrLocal"]
    assert '"maxLength": 200' in schemas["Cron"]
    assert '"maxLength": 200' in schemas["Title"]
