"""What an apply compares: equal values however they are written, and which differences are drift."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from kronos.apply_diffs import between, digest_of, digests, job_changes, of_new_job, said
from kronos.equality import is_same
from kronos.model import Json
from kronos.new_jobs import NewJob


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0), (0, -0.0), ({"a": 1, "b": [1, 2]}, {"b": [1.0, 2], "a": 1}), (2**53, float(2**53)), ([], []),
        ({}, {}), (None, None), ("a", "a"), (True, True), ({"a": {"b": 1}}, {"a": {"b": 1.0}}),
    ],
)  # fmt: skip
def test_equal_values_have_one_digest_however_they_are_written(one: Json, other: Json) -> None:
    """PostgreSQL may return 1.0 as 1, and an object's members in another order."""
    assert is_same(one, other)
    assert digest_of(one) == digest_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (0, False),
        (1.0, True),
        ("1", 1),
        (None, False),
        (None, 0),
        ("", None),
        ([], {}),
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
        ({"a": None}, {}),
        ({"a": 1}, {"b": 1}),
        ({"a": [1]}, {"a": [True]}),
        (1, 1.5),
        (0.1, "0.1"),
        (1e300, "1e+300"),
        (-1, "-1"),
        ({"a": "1"}, {"a": 1}),
        (True, "true"),
        (2.0**60, "1.152921504606847e+18"),
        ({"a": 1}, {"a": 1, "b": 2}),
        ([[1]], [[2]]),
    ],
)
def test_different_values_have_different_digests(one: Json, other: Json) -> None:
    assert not is_same(one, other)
    assert not is_same(other, one)
    assert digest_of(one) != digest_of(other)


def test_a_digest_is_sixteen_hexadecimal_digits() -> None:
    assert len(digest_of({"a": 1})) == 16
    assert digests({"a": 1, "b": None}) == {"a": digest_of(1), "b": digest_of(None)}


@pytest.mark.parametrize(
    ("value", "digest"),
    [(1, "391552c099c101b1"), ("text", "1e1d0f251d3a76fa"), (2**53, "391674d0d99ea691"), ("", "12ae32cb1ec02d01"),
     ({"b": [1.5, True, None], "a": "x"}, "aba7e541b47cd2c3")],
)  # fmt: skip
def test_a_digest_stays_the_same_in_each_release(value: Json, digest: str) -> None:
    """They are stored with an apply: if one changed, all that was applied before would seem to have drifted."""
    assert digest_of(value) == digest


def changed(before: dict[str, Json], after: dict[str, Json]) -> list[tuple[str, Json, Json]]:
    return [(each.field, each.before, each.after) for each in between(before, after, None)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": 2}, [("/a", 1, 2)]),
        ({}, {"a": 2}, [("/a", None, 2)]),
        ({"a": 1, "other": 5}, {"a": 1}, []),  # a field that the files do not have stays as it is
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1, "y": 3}}, [("/a/y", 2, 3)]),
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1}}, [("/a/y", 2, None)]),
        ({"a": {"x": 1}}, {"a": {"x": 1, "y": None}}, [("/a/y", None, None)]),
        ({"a": {"x": 1}}, {"a": {"z": 3, "x": 2}}, [("/a/z", None, 3), ("/a/x", 1, 2)]),
        ({"a": {"x": {"y": [1]}}}, {"a": {"x": {"y": [2]}}}, [("/a/x/y", [1], [2])]),
        ({"a": {}}, {"a": {"x": 1}}, [("/a", {}, {"x": 1})]),
        ({"a": {"x": 1}}, {"a": {}}, [("/a", {"x": 1}, {})]),
        ({"a": {"x": 1}}, {"a": None}, [("/a", {"x": 1}, None)]),
        ({"a": [1]}, {"a": [1, 2]}, [("/a", [1], [1, 2])]),
        ({"a": {"x/y": 1}}, {"a": {"x/y": 2}}, [("/a/x~1y", 1, 2)]),
    ],
)
def test_a_difference_is_named_where_it_is_and_no_higher(
    before: dict[str, Json], after: dict[str, Json], expected: list[tuple[str, Json, Json]]
) -> None:
    assert changed(before, after) == expected


def test_a_field_that_differs_from_the_files_applied_last_has_drifted() -> None:
    last = digests({"a": {"x": 1}, "b": 2, "c": 3})
    found = between({"a": {"x": 9}, "b": 2, "c": 3}, {"a": {"x": 1}, "b": 7, "c": 3}, last)
    assert [(each.field, each.is_drift) for each in found] == [("/a/x", True), ("/b", False)]


def test_without_files_applied_last_nothing_has_drifted() -> None:
    assert [each.is_drift for each in between({"a": 1}, {"a": 2}, None)] == [False]
    assert [each.is_drift for each in between({"a": 1}, {"a": 2}, {})] == [False]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00Z"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=5))), "2026-01-01T22:04:00Z"),
        (datetime.fromisoformat("2026-01-02T03:04:00"), "2026-01-02T03:04:00"),
        ("2026-01-02", "2026-01-02"),
        (None, None),
    ],
)
def test_an_instant_is_compared_in_utc_and_a_local_time_without_an_offset(value: Any, text: Json) -> None:
    assert said(value) == text


def a_job(**known: Any) -> NewJob:
    return NewJob(**{"name": "report", "endpoint": "hook", "trigger": "CRON", "cron": "0 9 * * 1", **known})


def test_a_job_of_the_files_has_every_field_but_its_name() -> None:
    fields = of_new_job(a_job(catch_up_policy="ALL", catch_up_window_seconds=60))
    assert fields["catch_up"] == {"policy": "ALL", "window_seconds": 60}
    assert (fields["cron"], fields["endpoint"]) == ("0 9 * * 1", "hook")
    assert not {"name", "offset_seconds", "catch_up_policy", "trigger"} & fields.keys()


def test_an_interval_without_an_anchor_leaves_the_anchor_as_it_is() -> None:
    assert "anchor" not in of_new_job(a_job(cron=None, every="30m"))
    anchored = a_job(cron=None, every="30m", anchor=datetime(2026, 1, 1, tzinfo=UTC))
    assert of_new_job(anchored)["anchor"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("callback", "compared"),
    [
        (None, None),
        ({"job": "next"}, {"job": "next", "input": "own"}),
        ({"job": "next", "input": "output"}, {"job": "next", "input": "output"}),
        ({"url": "x", "statuses": ["FAILED", "EXPIRED"]}, {"url": "x"}),
        ({"url": "x", "statuses": ["EXPIRED", "FAILED"]}, {"url": "x"}),
        ({"url": "x", "statuses": ["FAILED"]}, {"url": "x", "statuses": ["FAILED"]}),
        ({"url": "x", "statuses": ["MISSED", "FAILED"]}, {"url": "x", "statuses": ["FAILED", "MISSED"]}),
    ],
)  # fmt: skip
def test_a_callback_is_compared_with_its_defaults_filled_in(callback: Json, compared: Json) -> None:
    fields = of_new_job(a_job(on_success=callback, on_failure=callback))
    assert (fields["on_success"], fields["on_failure"]) == (compared, compared)


@pytest.mark.parametrize(
    ("job", "names", "changes"),
    [
        (a_job(), {"priority"}, {"priority": 0}),
        (a_job(), {"name"}, {}),
        (a_job(), {"cron"}, {"cron": "0 9 * * 1"}),
        (a_job(), {"every", "anchor"}, {"cron": "0 9 * * 1"}),  # replaces the interval that the job has
        (a_job(cron=None, every="1h"), {"cron", "every"}, {"every": "1h"}),
        (a_job(cron=None, every="1h", anchor=datetime(2026, 1, 1, tzinfo=UTC)), {"anchor"},
         {"every": "1h", "anchor": datetime(2026, 1, 1, tzinfo=UTC)}),
        (a_job(catch_up_policy="ALL", catch_up_window_seconds=60), {"catch_up", "input"},
         {"input": {}, "catch_up_policy": "ALL", "catch_up_window_seconds": 60}),
    ],
)  # fmt: skip
def test_what_changes_of_a_schedule_replaces_all_of_it(job: NewJob, names: set[str], changes: dict[str, Any]) -> None:
    assert job_changes(job, names) == changes
