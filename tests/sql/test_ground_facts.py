"""Instants, durations, texts and errors: what the smallest functions make of each value, odd ones included."""

from datetime import UTC, datetime

import pytest
from psycopg.types.json import Jsonb

from sql.truths import differing
from sql_factory import Connection, value

NOON = "2026-11-29 12:00:00+00"


@pytest.fixture
def utc(shared: Connection) -> Connection:
    """A session in UTC, in which instants are written alike."""
    shared.execute("set timezone = 'UTC'")
    return shared


def test_instants_are_kept_within_the_years_that_people_and_python_know(utc: Connection) -> None:
    first, last = "0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00"
    facts = [
        (NOON, NOON),
        (first, first),
        ("0001-12-31 23:59:59.999999+00 BC", first),
        ("-infinity", first),
        (last, last),
        ("10000-01-01 00:00:00+00", last),
        ("infinity", last),
        (None, None),
    ]
    assert differing(utc, "kronos.finite(%s::timestamptz)::text", facts) == []


def test_instants_are_shown_in_utc_with_six_digits_or_none(utc: Connection) -> None:
    facts = [
        (NOON, "2026-11-29T12:00:00Z"),
        ("2026-11-29 12:00:00.5+00", "2026-11-29T12:00:00.500000Z"),
        ("2026-11-29 12:00:00.000001+00", "2026-11-29T12:00:00.000001Z"),
        ("2026-11-29 12:00:00+05:30", "2026-11-29T06:30:00Z"),
        ("0001-01-01 00:00:00+00", "0001-01-01T00:00:00Z"),
        ("-infinity", "0001-01-01T00:00:00Z"),
        ("infinity", "9999-12-31T23:59:59.999999Z"),
        (None, None),
    ]
    for zone in ("UTC", "Pacific/Kiritimati"):
        utc.execute("select set_config('TimeZone', %s, false)", [zone])
        assert differing(utc, "kronos.iso(%s::timestamptz)", facts) == []


def test_a_text_of_a_document_is_an_instant_or_none(utc: Connection) -> None:
    facts = [
        ("2026-11-29T12:00:00Z", datetime(2026, 11, 29, 12, tzinfo=UTC)),
        ("2026-11-29T12:00:00+05:30", datetime(2026, 11, 29, 6, 30, tzinfo=UTC)),
        ("2026-02-30T12:00:00Z", None),
        ("soon", None),
        ("", None),
        ("2026-11-29T12:00:00+99:00", None),
        (None, None),
    ]
    assert differing(utc, "kronos.time_of(%s)", facts) == []


def test_seconds_between_instants_are_whole_never_negative_and_bounded(utc: Connection) -> None:
    facts = [
        (NOON, NOON, 0),
        (NOON, "2026-11-29 12:01:00+00", 60),
        (NOON, "2026-11-29 12:00:00.4+00", 0),
        (NOON, "2026-11-29 11:59:00+00", 0),
        ("1900-01-01 00:00:00+00", NOON, 2147483647),
        (NOON, "infinity", 2147483647),
        ("-infinity", NOON, 2147483647),
        ("infinity", NOON, 0),
        ("infinity", "infinity", 0),
        (None, NOON, None),
        (NOON, None, None),
    ]
    assert differing(utc, "kronos.whole_seconds(%s::timestamptz, %s::timestamptz)", facts) == []


def test_a_run_takes_milliseconds_and_none_before_it_has_begun_and_ended(utc: Connection) -> None:
    facts = [
        (NOON, "2026-11-29 12:00:01.5+00", 1500),
        (NOON, NOON, 0),
        (NOON, "2026-11-29 11:00:00+00", 0),  # clocks that disagree
        (NOON, "2026-12-29 12:00:00+00", 2592000000),
        (None, NOON, None),
        (NOON, None, None),
        ("-infinity", NOON, None),
        (NOON, "infinity", None),
    ]
    assert differing(utc, "kronos.duration_ms(%s::timestamptz, %s::timestamptz)", facts) == []


def test_an_execution_is_odd_if_it_was_made_more_than_an_hour_from_its_time(utc: Connection) -> None:
    facts = [
        (NOON, NOON, False),
        ("2026-11-29 13:00:00+00", NOON, False),
        ("2026-11-29 13:00:00.000001+00", NOON, True),
        ("2026-11-29 11:00:00+00", NOON, False),
        ("2026-11-29 10:59:59.999999+00", NOON, True),
        ("infinity", "infinity", True),
        (NOON, "-infinity", True),
        ("infinity", NOON, True),
        (None, NOON, True),
    ]
    assert differing(utc, "kronos.is_odd(%s::timestamptz, %s::timestamptz)", facts) == []


def test_a_bucket_is_refilled_steadily_up_to_its_burst(utc: Connection) -> None:
    """In order: the tokens that were in it and since when, the rate, the burst, and now."""
    facts = [
        (0.0, NOON, 10, 60, 5, NOON, 0.0),
        (0.0, NOON, 10, 60, 5, "2026-11-29 12:00:06+00", 1.0),
        (0.5, NOON, 10, 60, 5, "2026-11-29 12:00:03+00", 1.0),
        (0.0, NOON, 10, 60, 5, "2026-11-29 12:00:30+00", 5.0),
        (0.0, NOON, 10, 60, 5, "2026-11-29 13:00:00+00", 5.0),
        (2.0, NOON, 10, 60, 5, "2026-11-29 11:00:00+00", 2.0),  # a clock that was set back
        (9.0, NOON, 10, 60, 5, NOON, 5.0),  # the burst was lowered
        (None, NOON, 10, 60, 5, NOON, 5.0),
        (None, None, 10, 60, 5, NOON, 5.0),
        (-1.0, NOON, 10, 60, 5, "2026-11-29 12:00:06+00", 0.0),
    ]
    call = "kronos.refilled(%s::float8, %s::timestamptz, %s, %s, %s, %s::timestamptz)"
    assert differing(utc, call, facts) == []


def test_a_spread_is_a_number_of_seconds_minutes_or_hours(utc: Connection) -> None:
    facts = [("30s", 30), ("5m", 300), ("2h", 7200), ("0s", 0), ("9999h", 35996400), ("5", None), ("m", None)]
    facts += [("-5m", None), ("5 m", None), ("10000s", None), ("5d", None), ("1.5h", None), ("5m\n", None), ("", None)]
    assert differing(utc, "kronos.spread_seconds(%s)", facts) == []
    assert differing(utc, "kronos.spread_seconds(%s::text)", [(None, None)]) == []
    within = [("5m", 200, 200), ("5m", 300, 300), ("5m", 301, 300), ("0s", 5, 0), (None, 5, 0), (None, 0, 0)]
    assert differing(utc, "kronos.offset_within(%s, %s)", within) == []


def test_a_priority_is_worth_a_minute_of_waiting_each(utc: Connection) -> None:
    facts = [(0, "12:00:00"), (5, "11:55:00"), (-10, "12:10:00"), (10, "11:50:00")]
    assert differing(utc, f"to_char(kronos.rank_of('{NOON}', %s), 'HH24:MI:SS')", facts) == []
    parked = [*facts, (None, "12:00:00")]
    for zone in ("UTC", "Asia/Kathmandu"):
        utc.execute("select set_config('TimeZone', %s, false)", [zone])
        call = f"to_char(kronos.parked_rank('{NOON}', %s::smallint), 'HH24:MI:SS')"
        assert differing(utc, call, parked) == []
    assert differing(utc, "kronos.queue_of(%s::smallint)", [(None, 11), (0, 0), (10, 10), (-10, -10)]) == []


def test_errors_that_pass_are_told_from_those_of_a_row(utc: Connection) -> None:
    """In order: whether the work is tried again, and whether all other work would fail with it too."""
    facts = [
        ("08006", True, True),  # the connection
        ("40001", True, True),
        ("40P01", True, True),
        ("53100", True, True),  # the disk
        ("53300", True, True),
        ("55P03", True, True),
        ("57014", True, True),
        ("57P01", True, True),
        ("58030", True, False),  # the system
        ("22008", False, False),
        ("23505", False, False),
        ("42501", False, False),
        ("KR001", False, False),
        ("XX000", False, False),
        ("P0001", False, False),
    ]
    assert differing(utc, "kronos.is_passing(%s)", [(state, passing) for state, passing, _ in facts]) == []
    assert differing(utc, "kronos.is_shortage(%s)", [(state, shortage) for state, _, shortage in facts]) == []


def test_a_creator_is_shown_without_address_and_login(utc: Connection) -> None:
    caller = {"actor": "ann", "key": "abc", "request_id": "r", "address": "10.1.2.3", "database_user": "kronos_api"}
    facts = [
        (caller, {"actor": "ann", "key_id": "abc", "request_id": "r"}),
        ({"actor": "app", "database_user": "app"}, {"actor": "app"}),
        ({"actor": "ann", "key": None}, {"actor": "ann"}),
        ({}, {}),
    ]
    assert differing(utc, "kronos.creator_shown(%s)", [(Jsonb(given), shown) for given, shown in facts]) == []
    assert differing(utc, "kronos.creator_shown(%s::jsonb)", [(None, None)]) == []


def test_a_bound_for_an_index_is_none_at_pythons_first_instant(utc: Connection) -> None:
    facts = [
        (NOON, NOON),
        ("0001-01-01 00:00:00.000001+00", "0001-01-01 00:00:00.000001+00"),
        ("0001-01-01 00:00:00+00", "-infinity"),
        ("-infinity", "-infinity"),
        (None, "-infinity"),
    ]
    assert differing(utc, "kronos.floor_of(%s::timestamptz)::text", facts) == []


def test_a_noun_after_a_number_agrees_with_it(shared: Connection) -> None:
    said = [
        value(shared, "select kronos.counted(%s, %s, %s)", [number, one, many])
        for number, one, many in ((0, "run", None), (1, "run", None), (2, "run", None), (1, "key", "x"), (2, "k", "x"))
    ]
    assert said == ["0 runs", "1 run", "2 runs", "1 key", "2 x"]
