"""What kronos.enqueue takes for each of its arguments, at the limit and one beyond it."""

import json
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from sql.truths import differing
from sql_factory import Connection, value, values

CALLBACK = {"endpoint": "hook"}


def given(facts: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """The facts with their first items as JSON. A Python None is SQL's null; "null" is JSON's."""
    return [(None if item is None else Jsonb(None if item == "null" else item), found) for item, found in facts]


def test_tags_are_up_to_twenty_visible_texts_of_up_to_64_characters(shared: Connection) -> None:
    facts: list[tuple[Any, Any]] = [
        ([], True),
        (["a"], True),
        (["a", "a"], True),
        (["x" * 64], True),
        (["é" * 64], True),
        (["a b"], True),
        (["a"] * 20, True),
        (["x" * 65], False),
        (["a"] * 21, False),
        ([""], False),
        ([" "], False),
        (["a", " "], False),
        (["a\nb"], False),
        (["a\u200bb"], False),
        ([7], False),
        ([None], False),
        ([["a"]], False),
        ("a", False),
        ({"a": "b"}, False),
        ("null", False),
        (None, False),
    ]
    assert differing(shared, "kronos.are_tags(%s::jsonb)", given(facts)) == []


def test_a_number_is_whole_and_within_its_bounds_or_not_given(shared: Connection) -> None:
    facts: list[tuple[Any, Any]] = [
        (None, True),
        ("null", True),
        (0, True),
        (-10, True),
        (10, True),
        (-11, False),
        (11, False),
        (1.5, False),
        (1e20, False),
        (2**31, False),
        ("5", False),
        (True, False),
        ([5], False),
        ({"a": 5}, False),
    ]
    assert differing(shared, "kronos.is_number(%s::jsonb, -10, 10)", given(facts)) == []


def test_a_text_matches_its_pattern_or_is_not_given(shared: Connection) -> None:
    facts: list[tuple[Any, Any]] = [(None, True), ("null", True), ("ab", True), ("abc", False), ("", False)]
    facts += [(7, False), (["ab"], False), ({"ab": "ab"}, False), (True, False)]
    assert differing(shared, "kronos.is_text(%s::jsonb, '^..$')", given(facts)) == []


def test_an_instant_is_passed_on_as_rfc_3339_or_as_a_text_that_is_refused(shared: Connection) -> None:
    facts = [
        ("2098-01-02 03:04:05.000006+00", "2098-01-02T03:04:05.000006Z"),
        ("2098-01-02 03:04:05+05:30", "2098-01-01T21:34:05.000000Z"),
        ("0001-01-01 00:00:00+00", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31 23:59:59.999999+00", "9999-12-31T23:59:59.999999Z"),
        ("10000-01-01 00:00:00+00", "10000-01-01 00:00:00+00"),
        ("0001-12-31 00:00:00+00 BC", "0001-12-31 00:00:00+00 BC"),
        ("infinity", "infinity"),
        ("-infinity", "-infinity"),
        (None, None),
    ]
    with shared.transaction(force_rollback=True):
        shared.execute("set local timezone = 'UTC'")
        assert differing(shared, "kronos.instant_text(%s::timestamptz)", facts) == []


def fault(connection: Connection, document: Any) -> str | None:
    found: str | None = value(connection, "select fault from kronos.input_fault(%s)", [Jsonb(document)])
    return found


@pytest.mark.parametrize("text", ["x", "é", "😀"])
def test_an_input_has_up_to_256_kilobytes(shared: Connection, text: str) -> None:
    """As PostgreSQL writes it: a blank after each colon."""
    room = 262144 - len('{"a": ""}')
    fits = text * (room // len(text.encode()))
    padding = "y" * (room - len(fits.encode()))
    assert fault(shared, {"a": fits + padding}) is None
    assert fault(shared, {"a": fits + padding + "y"}) == "262145 bytes as JSON: at most 262144 are allowed"


@pytest.mark.parametrize(("opening", "closing"), [('{"a": ', "}"), ("[", "]")])
def test_an_input_has_up_to_64_levels_with_that_of_the_job(shared: Connection, opening: str, closing: str) -> None:
    def nested(levels: int) -> Any:
        return json.loads('{"a": ' + opening * (levels - 1) + "1" + closing * (levels - 1) + "}")

    assert fault(shared, nested(63)) is None
    assert fault(shared, nested(64)) == "nested more than 64 levels deep, counting the job's own"
    assert fault(shared, [1, nested(2), nested(63)]) is not None
    plain = "kronos.is_plain_input(%s)"
    assert differing(shared, plain, [(Jsonb(nested(64)), False), (Jsonb(nested(3)), True)]) == []


SOUND = ["0", "-0.0", "1", "9223372036854775807", "-9223372036854775808", "1.5", "0.1", "1e300", "-1e300", "1e-300",
         "5e-324", "1.7976931348623157e308", "1e22"]  # fmt: skip
UNSOUND = ["9223372036854775809", "-9223372036854775809", "18446744073709551617", "1e309", "-1e309", "1e-325",
           "12345678901234567890", "1.7976931348623159e308"]  # fmt: skip


def test_a_number_of_an_input_fits_into_64_bits_or_a_double(shared: Connection) -> None:
    """Wherever it is. What is taken at a glance would not be refused by a closer look."""
    places = ['{{"a": {}}}', '{{"a": [1, {{"b": [{}]}}]}}']
    facts = [(place.format(number), True) for place in places for number in SOUND]
    facts += [(place.format(number), False) for place in places for number in UNSOUND]
    call = "(select fault is null from kronos.input_fault(%s::jsonb))"
    assert differing(shared, call, facts) == []
    at_a_glance = values(
        shared,
        "select document from unnest(%s::text[]) as document where kronos.is_plain_input(document::jsonb)",
        [[document for document, is_sound in facts if not is_sound]],
    )
    assert at_a_glance == []
    assert fault(shared, json.loads('{"a": 12345678901234567891234567890123}')) == (
        "the number 123456789012345678912345 fits neither in 64 bits nor in a double"
    )
    text = [("9" * 40, True), ("1e999", True)]
    given_text = [(Jsonb({"a": each}), fits) for each, fits in text]
    assert differing(shared, "(select fault is null from kronos.input_fault(%s))", given_text) == []


def test_what_is_certainly_sound_is_an_object_of_up_to_four_kilobytes(shared: Connection) -> None:
    facts: list[tuple[Any, Any]] = [
        ({}, True),
        ({"a": 1, "b": [None, True, "x"]}, True),
        ({"a": "x" * 4000}, True),
        ({"a": "x" * 4100}, False),
        ({"a": 9e18}, True),
        ({"a": 9.1e18}, False),
        ({"a": -9.1e18}, False),
        ({"a": 1e-301}, False),
        ({"a": -1e-301}, False),
        ({"a": 0}, True),
        ([], False),
        ("x", False),
        (7, False),
        ("null", False),
        (None, False),
    ]
    assert differing(shared, "kronos.is_plain_input(%s::jsonb)", given(facts)) == []


WRONG_STATUSES: list[Any] = [[], ["SUCCESS"], ["FAILED", "MISSED"], ["FAILED"] * 4, "FAILED", {}, [["FAILED"]], [None]]
NO_STATUSES = ("on_failure.statuses", "statuses must be one or more of FAILED, EXPIRED, CANCELLED")
FAULTS: list[tuple[str, Any, tuple[str, str] | None]] = [
    ("on_success", None, None),
    ("on_success", CALLBACK, None),
    ("on_success", {"job": "report"}, None),
    ("on_success", {"job": "report", "input": "own"}, None),
    ("on_success", {"job": "report", "input": "run"}, None),
    ("on_failure", CALLBACK | {"statuses": ["FAILED"]}, None),
    ("on_failure", CALLBACK | {"statuses": ["FAILED", "EXPIRED", "CANCELLED"]}, None),
    ("on_success", "hook", ("on_success", "a callback must be a JSON object")),
    ("on_success", ["hook"], ("on_success", "a callback must be a JSON object")),
    ("on_success", CALLBACK | {"url": "x"}, ("on_success", "unknown member")),
    ("on_success", {}, ("on_success", "exactly one of endpoint and job must be given")),
    ("on_success", CALLBACK | {"job": "report"}, ("on_success", "exactly one of endpoint and job must be given")),
    ("on_failure", {"endpoint": 7}, ("on_failure.endpoint", "must be the name of an endpoint")),
    ("on_failure", {"job": ["report"]}, ("on_failure.job", "must be the name of a job")),
    ("on_failure", CALLBACK | {"input": "own"}, ("on_failure.input", "input requires job")),
    ("on_failure", {"job": "report", "input": "other"}, ("on_failure.input", "input must be own or run")),
    ("on_failure", {"job": "report", "input": {}}, ("on_failure.input", "input must be own or run")),
    ("on_success", CALLBACK | {"statuses": ["FAILED"]},
     ("on_success.statuses", "statuses are only allowed in on_failure")),
    *(("on_failure", CALLBACK | {"statuses": wrong}, NO_STATUSES) for wrong in WRONG_STATUSES),
    # the first fault of several
    ("on_success", {"url": "x", "statuses": []}, ("on_success", "unknown member")),
    ("on_success", {"endpoint": 7, "input": "own"}, ("on_success.endpoint", "must be the name of an endpoint")),
]  # fmt: skip


def test_a_callback_names_one_thing_and_says_only_what_it_may(shared: Connection) -> None:
    call = "(select to_jsonb(array[field, fault]) from kronos.callback_fault(%s, %s::jsonb))"
    facts = [
        (event, None if callback is None else Jsonb(callback), list(told) if told else [None, None])
        for event, callback, told in FAULTS
    ]
    assert differing(shared, call, facts) == []
    hints = values(
        shared,
        "select fault.hint from unnest(%s::jsonb[]) as given, kronos.callback_fault('on_success', given) as fault",
        [[Jsonb(callback) for event, callback, told in FAULTS if told and event == "on_success"]],
    )
    assert all(hint and hint[0].isupper() and hint.endswith(".") for hint in hints)


def test_of_several_documents_the_first_that_is_wrong_is_named(shared: Connection) -> None:
    wrong, deep = {"url": "x"}, {"a": 2**64 + 1}
    facts = [
        ({}, None),
        ({"on_success": None, "on_failure": None}, None),
        ({"on_success": CALLBACK | {"job": None}, "input": {}}, None),
        ({"on_success": wrong, "on_failure": wrong, "input": deep}, "on_success"),
        ({"on_failure": wrong, "input": deep}, "on_failure"),
        ({"input": deep}, "input"),
    ]
    call = "(select field from kronos.documents_fault(%s::jsonb))"
    assert differing(shared, call, [(Jsonb(job), field) for job, field in facts]) == []
