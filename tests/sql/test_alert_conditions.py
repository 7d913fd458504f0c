"""What breaks a condition of an alert rule and what does not, at its limit and on both sides of it."""

import uuid
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from alert_rows import add_rule
from factory import add_endpoint
from sql.truths import differing
from sql_factory import Connection

ENDS = ("SUCCESS", "FAILED", "EXPIRED", "MISSED")
LATE = Jsonb({"type": "LATE", "seconds": 60})
RUNNING = Jsonb({"type": "RUNNING", "seconds": 60})
FACTOR = Jsonb({"type": "RUNNING", "seconds": 60, "factor": 2})
ONE = uuid.UUID(int=1)


@pytest.mark.parametrize(
    ("type", "letters"),
    [
        ("FAILURES", "OBB-"),
        ("FAILURE_RATE", "OBB-"),
        ("MISSED", "OO-B"),
        ("NO_SUCCESS", "O---"),
    ],
)
def test_an_end_breaks_a_condition_keeps_it_or_does_not_matter_to_it(
    shared: Connection, type: str, letters: str
) -> None:
    """In order: a success, a failure, an expired run and a missed tick. B breaks it, O keeps it, - does not matter."""
    condition = Jsonb({"type": type, "count": 3})
    facts = [
        (condition, end, late, letter.strip("-"))
        for end, letter in zip(ENDS, letters, strict=True)
        for late in (0, 10**6)  # however late it was
    ]
    assert differing(shared, "kronos.letters_of(%s, %s, %s, 0)", facts) == []


def test_a_run_is_late_or_too_long_only_beyond_the_limit(shared: Connection) -> None:
    """A run that was too long is over at once: it breaks the condition and then keeps it. A factor is not judged by the
    seconds alone, and a run that never began was neither late nor long.
    """
    facts = [
        (LATE, "SUCCESS", 59, 999, "O"),
        (LATE, "SUCCESS", 60, 999, "O"),
        (LATE, "SUCCESS", 61, 0, "B"),
        (LATE, "FAILED", 61, 0, "B"),
        (LATE, "EXPIRED", 61, None, "B"),
        (LATE, "EXPIRED", None, 0, ""),
        (LATE, "MISSED", 61, None, ""),
        (LATE, "MISSED", 0, None, ""),
        (RUNNING, "SUCCESS", 999, 59, "O"),
        (RUNNING, "SUCCESS", 999, 60, "O"),
        (RUNNING, "SUCCESS", 0, 61, "BO"),
        (RUNNING, "FAILED", 0, 61, "BO"),
        (RUNNING, "EXPIRED", 999, None, ""),
        (RUNNING, "MISSED", 999, None, ""),
        (FACTOR, "SUCCESS", 0, 61, "O"),
        (FACTOR, "SUCCESS", 0, 10**6, "O"),
        (FACTOR, "MISSED", 0, None, ""),
    ]
    assert differing(shared, "kronos.letters_of(%s, %s, %s::integer, %s::integer)", facts) == []


def test_breaches_in_a_row_are_counted_and_the_longest_row_is_kept(shared: Connection) -> None:
    facts = [
        ("", 0),
        ("O", 0),
        ("B", 1),
        ("BB", 2),
        ("OBB", 2),
        ("BBO", 2),
        ("BOB", 1),
        ("BBOB", 2),
        ("BOBBBOBB", 3),
        ("OOO", 0),
        ("B" * 1000, 1000),
    ]
    assert differing(shared, "kronos.longest_breach(%s)", facts) == []


@pytest.mark.parametrize("type", ["FAILURES", "MISSED"])
def test_a_count_is_reached_by_that_many_in_a_row(shared: Connection, type: str) -> None:
    facts = [(Jsonb({"type": type, "count": count}), row, row >= count) for count in (1, 2, 1000) for row in range(4)]
    facts += [(Jsonb({"type": type, "count": 1000}), row, row >= 1000) for row in (999, 1000)]
    assert differing(shared, "kronos.is_broken(%s, %s, '', null, null, null)", facts) == []


@pytest.mark.parametrize("type", ["LATE", "RUNNING"])
def test_one_run_that_is_late_or_too_long_breaks_a_condition_that_has_no_count(shared: Connection, type: str) -> None:
    facts = [(Jsonb({"type": type, "seconds": 60}), row, row > 0) for row in (0, 1, 2)]
    assert differing(shared, "kronos.is_broken(%s, %s, '', null, null, null)", facts) == []


def test_a_rate_of_the_last_runs_needs_enough_of_them_and_counts_its_exact_percentage(shared: Connection) -> None:
    def rate(percent: int, min_runs: int) -> Jsonb:
        return Jsonb({"type": "FAILURE_RATE", "percent": percent, "runs": 100, "min_runs": min_runs})

    facts = [
        (rate(50, 1), "", False),
        (rate(50, 1), "B", True),
        (rate(50, 1), "O", False),
        (rate(50, 2), "B", False),
        (rate(50, 2), "BO", True),
        (rate(51, 2), "BO", False),
        (rate(33, 3), "OBO", True),  # a third is more than 33 %
        (rate(34, 3), "OBO", False),
        (rate(67, 3), "BBO", False),
        (rate(66, 3), "BBO", True),
        (rate(100, 3), "BBB", True),
        (rate(100, 3), "BBBO", False),
        (rate(1, 100), "O" * 99 + "B", True),
        (rate(2, 100), "O" * 99 + "B", False),
        (rate(1, 100), "O" * 98 + "B", False),
        (rate(1, 1), "O" * 100, False),
    ]
    assert differing(shared, "kronos.is_broken(%s, 0, %s, null, null, null)", facts) == []


def test_a_rate_within_a_window_needs_enough_runs_and_counts_its_exact_percentage(shared: Connection) -> None:
    def rate(percent: int, min_runs: int) -> Jsonb:
        return Jsonb({"type": "FAILURE_RATE", "percent": percent, "window_seconds": 600, "min_runs": min_runs})

    facts = [
        (rate(50, 4), 4, 2, True),
        (rate(50, 4), 4, 1, False),
        (rate(50, 4), 3, 3, False),
        (rate(51, 4), 4, 2, False),
        (rate(25, 4), 4, 1, True),
        (rate(26, 4), 4, 1, False),
        (rate(100, 1), 1, 1, True),
        (rate(100, 1), 2, 1, False),
        (rate(1, 1), 101, 1, False),
        (rate(1, 1), 100, 1, True),
        (rate(1, 1), 0, 0, False),
        (rate(50, 100_000), 2_000_000_000, 1_000_000_000, True),  # more than an integer, times 100
        (rate(50, 100_000), 2_000_000_000, 999_999_999, False),
    ]
    call = "kronos.is_broken(%s, 99, 'BBBB', %s::bigint, %s::bigint, null)"  # a row and outcomes do not count here
    assert differing(shared, call, facts) == []


def test_a_success_is_missing_from_the_very_second_on(shared: Connection) -> None:
    condition = Jsonb({"type": "NO_SUCCESS", "seconds": 3600})
    facts = [
        (condition, "3600 seconds", True),
        (condition, "3599.999999 seconds", False),
        (condition, "3600.000001 seconds", True),
        (condition, "-1 second", False),
    ]
    call = "kronos.is_broken(%s, 99, 'BBBB', 9, 9, kronos.now() - %s::interval)"
    assert differing(shared, call, facts) == []


def test_an_incident_says_in_a_sentence_what_happened(shared: Connection) -> None:
    window = {"type": "FAILURE_RATE", "percent": 50, "window_seconds": 600, "min_runs": 3}
    facts = [
        (Jsonb({"type": "FAILURES", "count": 1}), 1, "", None, None, None, "it failed"),
        (Jsonb({"type": "FAILURES", "count": 1}), 2, "", None, None, None, "it failed 2 times in a row"),
        (Jsonb({"type": "MISSED", "count": 1}), 1, "", None, None, None, "it was missed"),
        (Jsonb({"type": "MISSED", "count": 1}), 7, "", None, None, None, "it was missed 7 times in a row"),
        (
            Jsonb({"type": "FAILURE_RATE", "percent": 50, "runs": 4}),
            1,
            "BOBO",
            None,
            None,
            None,
            "2 of its last 4 runs failed",
        ),
        (Jsonb(window), 1, "", 9, 5, None, "5 of its 9 runs of the last 600 s failed"),
        (LATE, 1, "", None, None, 61, "it was 61 s late"),
        (LATE, 1, "", None, None, None, "it was 0 s late"),
        (RUNNING, 1, "", None, None, 75, "it ran for 75 s"),
        (RUNNING, 1, "", None, None, None, "it ran for 0 s"),
    ]
    since = datetime(2026, 11, 29, 3, 1, tzinfo=UTC)
    call = f"kronos.incident_detail(%s, %s, %s, %s::bigint, %s::bigint, %s::integer, '{since.isoformat()}')"
    assert differing(shared, call, facts) == []
    silent = [(Jsonb({"type": "NO_SUCCESS", "seconds": 60}), "it has not succeeded since 2026-11-29T03:01:00Z")]
    assert (
        differing(shared, f"kronos.incident_detail(%s, 0, '', null, null, null, '{since.isoformat()}')", silent) == []
    )


def test_a_rule_selects_what_it_names_and_nothing_of_another_kind(shared: Connection) -> None:
    """In order: what the rule names, and of the subject its kind, name, id, tags and endpoint."""
    job = ("JOB", "report", ONE, ["red", "blue"], "hook")
    bare = ("JOB", None, ONE, None, None)
    beat = ("HEARTBEAT", "report", ONE, ["red"], None)
    facts: list[tuple[Any, ...]] = [
        ("WORKSPACE", None, *job, True),
        ("WORKSPACE", None, *beat, True),
        ("WORKSPACE", None, *bare, True),
        ("JOB", "report", *job, True),
        ("JOB", str(ONE), *job, True),
        ("JOB", "other", *job, False),
        ("JOB", "red", *job, False),
        ("JOB", "report", *beat, False),
        ("JOB", str(ONE), *beat, False),
        ("JOB", str(ONE), *bare, True),
        ("TAG", "red", *job, True),
        ("TAG", "blue", *job, True),
        ("TAG", "Red", *job, False),
        ("TAG", "report", *job, False),
        ("TAG", "red", *beat, True),
        ("TAG", "red", *bare, False),
        ("ENDPOINT", "hook", *job, True),
        ("ENDPOINT", "report", *job, False),
        ("ENDPOINT", "hook", *beat, False),
        ("HEARTBEAT", "report", *beat, True),
        ("HEARTBEAT", None, *beat, True),
        ("HEARTBEAT", "other", *beat, False),
        ("HEARTBEAT", "report", *job, False),
        ("HEARTBEAT", None, *job, False),
    ]
    call = "kronos.rule_selects(%s, %s, %s, %s, %s, %s::text[], %s)"
    assert differing(shared, call, facts) == []


SOUND: list[dict[str, Any]] = [
    {"type": "FAILURES", "count": 1},
    {"type": "FAILURES", "count": 1000},
    {"type": "MISSED", "count": 1},
    {"type": "MISSED", "count": 1000},
    {"type": "FAILURE_RATE", "percent": 1, "runs": 2, "min_runs": 1},
    {"type": "FAILURE_RATE", "percent": 100, "runs": 100, "min_runs": 100_000},
    {"type": "FAILURE_RATE", "percent": 50, "window_seconds": 60, "min_runs": 1},
    {"type": "FAILURE_RATE", "percent": 50, "window_seconds": 86_400, "min_runs": 1},
    {"type": "LATE", "seconds": 1},
    {"type": "LATE", "seconds": 604_800},
    {"type": "NO_SUCCESS", "seconds": 60},
    {"type": "NO_SUCCESS", "seconds": 31_622_400},
    {"type": "RUNNING", "seconds": 1},
    {"type": "RUNNING", "seconds": 604_800},
    {"type": "RUNNING", "factor": 1.1},
    {"type": "RUNNING", "factor": 100, "seconds": 604_800},
]
UNSOUND: list[dict[str, Any]] = [
    {},
    {"type": "NONE", "count": 1},
    {"type": "FAILURES"},
    {"type": "FAILURES", "count": 0},
    {"type": "FAILURES", "count": 1001},
    {"type": "MISSED", "count": 0},
    {"type": "MISSED", "count": 1001},
    {"type": "FAILURE_RATE", "percent": 0, "runs": 2, "min_runs": 1},
    {"type": "FAILURE_RATE", "percent": 101, "runs": 2, "min_runs": 1},
    {"type": "FAILURE_RATE", "percent": 50, "runs": 1, "min_runs": 1},
    {"type": "FAILURE_RATE", "percent": 50, "runs": 101, "min_runs": 1},
    {"type": "FAILURE_RATE", "percent": 50, "runs": 2},
    {"type": "FAILURE_RATE", "percent": 50, "runs": 2, "min_runs": 0},
    {"type": "FAILURE_RATE", "percent": 50, "min_runs": 1},
    {"type": "FAILURE_RATE", "percent": 50, "window_seconds": 59, "min_runs": 1},
    {"type": "FAILURE_RATE", "percent": 50, "window_seconds": 86_401, "min_runs": 1},
    {"type": "LATE"},
    {"type": "LATE", "seconds": 0},
    {"type": "LATE", "seconds": 604_801},
    {"type": "NO_SUCCESS", "seconds": 59},
    {"type": "NO_SUCCESS", "seconds": 31_622_401},
    {"type": "RUNNING"},
    {"type": "RUNNING", "seconds": 0},
    {"type": "RUNNING", "factor": 1.0},
    {"type": "RUNNING", "factor": 100.1},
    {"type": "RUNNING", "factor": 2, "seconds": 0},
]


def test_only_conditions_that_can_be_judged_are_stored_whoever_stores_them(shared: Connection) -> None:
    """Every number at its bounds is sound, and one step beyond them none is."""
    endpoint = add_endpoint(shared)
    for condition in SOUND:
        add_rule(shared, endpoint, condition)
    for condition in UNSOUND:
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            add_rule(shared, endpoint, condition or {"type": None})
        assert refused.value.diag.constraint_name == "alert_rules_condition_is_sound", condition
