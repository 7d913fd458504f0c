"""A resource from GET that is edited and sent back: what counts as a change, and what is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kronos import errors
from kronos.api.copies import Kind
from kronos.model import Json, JsonObject
from kronos.server_time import CLOCK

JOB = Kind(read_only=frozenset({"name", "version", "status", "next_run_at", "last_run_at", "retained_from", "jobs_left",
                                "health", "in_flight", "usage", "created_at"}))  # fmt: skip
PRESENT: JsonObject = {
    "name": "report", "version": 3, "status": "ACTIVE", "created_at": "2026-01-01T00:00:00Z", "input": {"a": 1, "b": 2},
    "cron": "0 9 * * 1", "starts_at": "2026-06-01T00:00:00Z", "next_run_at": "2026-11-23T09:00:00Z",
    "last_run_at": "2026-11-16T09:00:00Z", "jobs_left": 0, "health": {"state": "HEALTHY"}, "in_flight": 1,
    "usage": {"jobs": 3}, "retained_from": None,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CLOCK, "now", lambda: datetime(2026, 11, 20, tzinfo=UTC))


def edited(**changed: Json) -> JsonObject:
    return JOB.edited(PRESENT | changed, PRESENT)


def refused(**changed: Json) -> list[tuple[str, str, str]]:
    with pytest.raises(errors.Unprocessable) as caught:
        edited(**changed)
    return [(fault.pointer, fault.detail, fault.hint or "") for fault in caught.value.faults]


def test_a_copy_is_recognized_by_the_fields_that_only_get_returns() -> None:
    assert JOB.given({"input": {}, "cron": "* * * * *"}) == {}
    assert JOB.given({"input": {}, "version": 3}) == {"version": 3}
    assert JOB.writable({"input": {}, "version": 3}) == {"input": {}}


def test_a_copy_sent_back_unchanged_changes_nothing() -> None:
    assert edited() == {}


@pytest.mark.parametrize(
    ("changed", "changes"),
    [
        ({"cron": "0 10 * * 1"}, {"cron": "0 10 * * 1"}),
        ({"input": {"b": 2, "a": 1}}, {}),
        ({"input": {"a": 1}}, {"input": {"a": 1}}),
        ({"starts_at": "2026-06-01T02:00:00+02:00"}, {}),  # the same instant
        ({"starts_at": "2026-06-01T02:00:00Z"}, {"starts_at": "2026-06-01T02:00:00Z"}),
        ({"starts_at": None}, {"starts_at": None}),
        ({"new": 1}, {"new": 1}),
        ({"new": None}, {"new": None}),  # absent is not null: the body's model decides about it
    ],
)
def test_only_what_differs_from_the_present_state_is_a_change(changed: dict[str, Any], changes: JsonObject) -> None:
    assert edited(**changed) == changes


@pytest.mark.parametrize(
    ("name", "value", "shown", "hint"),
    [
        ("version", 2, "3", "The resource has changed since: read it again, and edit that."),
        ("status", "PAUSED", '"ACTIVE"', "Pause, resume or cancel the job instead."),
        ("name", "other", '"report"', "The name in the path identifies the resource and never changes."),
        ("created_at", "2026-01-02T00:00:00Z", '"2026-01-01T00:00:00Z"', "Omit it, or send it as GET returned it."),
        ("next_run_at", "2026-11-24T09:00:00Z", '"2026-11-23T09:00:00Z"', "It follows from the schedule."),
    ],
)
def test_a_changed_field_that_nobody_may_write_is_refused_with_what_it_is_and_what_to_use(
    name: str, value: Json, shown: str, hint: str
) -> None:
    assert refused(**{name: value}) == [(f"/{name}", f"it is read-only, and its current value is {shown}", hint)]


def test_each_refused_field_is_named_and_a_long_value_is_cut() -> None:
    assert [each[0] for each in refused(version=2, status="PAUSED")] == ["/version", "/status"]
    with pytest.raises(errors.Unprocessable) as caught:
        JOB.edited({"name": "x"}, {"name": "y" * 500})
    assert len(caught.value.faults[0].detail) == len("it is read-only, and its current value is ") + 200


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("next_run_at", "2026-11-19T09:00:00Z"),  # it has come since
        ("next_run_at", "2026-11-20T00:00:00Z"),
        ("last_run_at", "2026-11-09T09:00:00Z"),
        ("last_run_at", None),
        ("jobs_left", 12),
        ("health", {"state": "SLOWED"}),
        ("in_flight", 7),
        ("in_flight", None),
        ("usage", {"jobs": 2}),
        ("usage", None),
    ],
)
def test_a_field_that_changes_with_time_alone_may_be_older(name: str, told: Json) -> None:
    assert edited(**{name: told}) == {}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("next_run_at", "2026-11-20T00:00:01Z"),
        ("next_run_at", "soon"),
        ("next_run_at", None),
        ("last_run_at", "2026-11-17T09:00:00Z"),  # later than the last run
        ("last_run_at", "never"),
        ("retained_from", "2026-01-01T00:00:00Z"),  # history never comes back
        ("jobs_left", "12"),
        ("health", "HEALTHY"),
        ("in_flight", {}),
        ("usage", 2),
    ],
)
def test_a_value_that_a_read_only_field_never_had_is_refused(name: str, told: Json) -> None:
    assert [each[0] for each in refused(**{name: told})] == [f"/{name}"]
