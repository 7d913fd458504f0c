"""What a request for a job, a change, a backfill or a preview asks for, and which of its fields contradict others."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from kronos import errors
from kronos.api.job_schemas import BackfillCreate, JobCreate, JobPatch, JobPause, SchedulePreview
from kronos.api.requests import job_changes, job_edits, new_backfill, new_job, pause_terms, schedule_text
from kronos.new_jobs import NewJob

CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * 1"}
EVERY = {"endpoint": "sink", "trigger": "CRON", "every": "90m"}
NOW = {"endpoint": "sink", "trigger": "IMMEDIATE"}
LATER = {"endpoint": "sink", "trigger": "DELAYED", "run_at": "2099-01-01T00:00:00Z"}
LOCAL = {**LATER, "run_at": "2099-01-01T00:00:00", "timezone": "Europe/Berlin"}
AT, LATER_AT = "2099-01-01T00:00:00Z", "2099-01-02T00:00:00Z"


def asked(given: dict[str, Any], key: str | None = None) -> NewJob:
    return new_job(JobCreate.model_validate(given), key)


def faults_of(error: pytest.ExceptionInfo[errors.Unprocessable]) -> list[tuple[str, str]]:
    assert all(fault.hint for fault in error.value.faults)
    return [(fault.pointer, fault.detail) for fault in error.value.faults]


@pytest.mark.parametrize("given", [NOW, CRON, EVERY, LATER, LOCAL])
def test_what_a_request_omits_has_the_default_of_a_new_job(given: dict[str, Any]) -> None:
    job = asked(given)
    defaults = {each.name: getattr(asked(NOW), each.name) for each in fields(NewJob) if each.name not in given}
    assert {name: getattr(job, name) for name in defaults} == defaults
    assert {name: getattr(job, name) for name in ("endpoint", "trigger")} == {
        name: given[name] for name in ("endpoint", "trigger")
    }


def test_every_field_of_a_request_arrives() -> None:
    callbacks = {
        "on_success": {"job": "load", "input": "run"},
        "on_failure": {"endpoint": "ops", "statuses": ["FAILED"]},
    }
    given = {
        **EVERY, **callbacks, "name": "n", "title": "N", "anchor": AT, "timezone": "Asia/Kolkata", "starts_at": AT,
        "ends_at": LATER_AT, "max_runs": 7, "dst_gap": "SKIP", "dst_overlap": "BOTH", "jitter_seconds": 3,
        "spread": "5m", "overlap": "SKIP", "catch_up": {"policy": "ALL", "window_seconds": 60},
        "calendars": ["holidays"], "on_blackout": "NEXT", "input": {"a": 1}, "tags": ["t"], "deadline_seconds": 9,
        "priority": 5,
    }  # fmt: skip
    job = asked(given, "key-1")
    at, later = datetime(2099, 1, 1, tzinfo=UTC), datetime(2099, 1, 2, tzinfo=UTC)
    expected = {
        **given, "anchor": at, "starts_at": at, "ends_at": later, "idempotency_key": "key-1",
        "catch_up_policy": "ALL", "catch_up_window_seconds": 60,
    }  # fmt: skip
    del expected["catch_up"]
    assert {name: getattr(job, name) for name in expected} == expected


def test_a_key_and_an_input_belong_to_the_plainest_job_too() -> None:
    job = asked({**NOW, "input": {"a": 1}, "idempotency_key": "of the body"}, "of the call")
    assert (job.input, job.idempotency_key, job.priority) == ({"a": 1}, "of the call", 0)
    assert (asked({**NOW, "priority": 3}).priority, asked(NOW).idempotency_key) == (3, None)


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"endpoint": "sink", "trigger": "CRON"}, [("/cron", "a schedule needs a cron expression or an interval")]),
        ({**CRON, "every": "90m"}, [("/every", "both every and cron are given")]),
        ({**CRON, "anchor": AT}, [("/anchor", "anchor requires every")]),
        (
            {**EVERY, "anchor": "2099-01-01T00:00:00"},
            [("/anchor", "anchor has no offset, so it is a local time, but no timezone is given")],
        ),
        ({**EVERY, "anchor": "2099-01-01T00:00:00", "timezone": "UTC"}, []),
        ({**CRON, "run_at": AT}, [("/run_at", "run_at requires trigger DELAYED, not CRON")]),
        ({**NOW, "run_at": AT}, [("/run_at", "run_at requires trigger DELAYED, not IMMEDIATE")]),
        ({"endpoint": "sink", "trigger": "DELAYED"}, [("/run_at", "trigger DELAYED needs run_at")]),
        (
            {**NOW, "run_at": "2099-01-01T00:00:00", "timezone": "UTC"},
            [
                ("/timezone", "timezone requires trigger CRON, not IMMEDIATE"),
                ("/run_at", "run_at requires trigger DELAYED, not IMMEDIATE"),
            ],
        ),
        ({**NOW, "cron": "* * * * *"}, [("/cron", "cron requires trigger CRON, not IMMEDIATE")]),
        ({**NOW, "catch_up": {}}, [("/catch_up", "catch_up requires trigger CRON, not IMMEDIATE")]),
        ({**NOW, "timezone": "UTC"}, [("/timezone", "timezone requires trigger CRON, not IMMEDIATE")]),
        ({**LATER, "every": "90m"}, [("/every", "every requires trigger CRON, not DELAYED")]),
        (
            {**LATER, "timezone": "UTC"},
            [("/timezone", "timezone requires trigger CRON, or a run_at without an offset")],
        ),
        (
            {**LATER, "dst_gap": "SHIFT", "dst_overlap": "FIRST"},
            [
                ("/dst_gap", "dst_gap requires trigger CRON, or a run_at without an offset"),
                ("/dst_overlap", "dst_overlap requires trigger CRON, or a run_at without an offset"),
            ],
        ),
        ({**LOCAL, "dst_gap": "SHIFT_BY_GAP", "dst_overlap": "FIRST"}, []),
        ({**LOCAL, "dst_gap": "SKIP"}, [("/dst_gap", "a one-shot cannot be skipped when clocks go forward")]),
        ({**LOCAL, "dst_overlap": "BOTH"}, [("/dst_overlap", "a one-shot cannot run twice when clocks go back")]),
        (
            {**LOCAL, "timezone": None},
            [("/run_at", "run_at has no offset, so it is a local time, but no timezone is given")],
        ),
        ({**LOCAL, "max_runs": 3}, [("/max_runs", "max_runs requires trigger CRON, not DELAYED")]),
        (
            {"endpoint": "sink", "trigger": "DELAYED", "timezone": "UTC"},
            [("/timezone", "timezone requires trigger CRON, not DELAYED"), ("/run_at", "trigger DELAYED needs run_at")],
        ),
        ({**CRON, "starts_at": AT, "ends_at": AT}, [("/ends_at", "ends_at is not after starts_at")]),
        ({**CRON, "starts_at": LATER_AT, "ends_at": AT}, [("/ends_at", "ends_at is not after starts_at")]),
        ({**CRON, "starts_at": AT, "ends_at": LATER_AT}, []),
        ({**CRON, "starts_at": AT}, []),
        ({**CRON, "ends_at": AT}, []),
        ({**CRON, "on_success": {}}, [("/on_success", "exactly one of endpoint and job must be given")]),
        (
            {**CRON, "on_failure": {"endpoint": "a", "job": "b"}},
            [("/on_failure", "exactly one of endpoint and job must be given")],
        ),
        ({**NOW, "on_success": {"endpoint": "a", "input": "run"}}, [("/on_success/input", "input requires job")]),
        ({**NOW, "on_success": {"job": "a", "input": "run"}, "on_failure": {"endpoint": "a"}}, []),
    ],
)  # fmt: skip
def test_fields_that_contradict_each_other_are_named(given: dict[str, Any], faults: list[tuple[str, str]]) -> None:
    if not faults:
        assert asked(given)
        return
    with pytest.raises(errors.Unprocessable) as caught:
        asked(given)
    assert faults_of(caught) == faults


def test_a_callback_has_only_the_members_that_were_given() -> None:
    assert asked({**NOW, "on_success": {"job": "a"}}).on_success == {"job": "a"}
    changed = {"on_success": None, "on_failure": {"endpoint": "a", "input": None}}
    assert job_changes(JobPatch.model_validate(changed)) == {"on_success": None, "on_failure": {"endpoint": "a"}}


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({"title": None}, {"title": None}),
        ({"cron": "0 9 * * 1"}, {"cron": "0 9 * * 1"}),
        ({"every": "2h"}, {"every": "2h"}),
        ({"every": "2h", "anchor": AT}, {"every": "2h", "anchor": datetime(2099, 1, 1, tzinfo=UTC)}),
        ({"anchor": AT}, {"anchor": datetime(2099, 1, 1, tzinfo=UTC)}),
        ({"anchor": "2099-01-01T00:00:00"}, {"anchor": datetime(2099, 1, 1)}),  # noqa: DTZ001
        ({"catch_up": {"policy": "ALL"}}, {"catch_up_policy": "ALL"}),
        ({"catch_up": {"window_seconds": 5}}, {"catch_up_window_seconds": 5}),
        ({"catch_up": {}, "priority": 0}, {"priority": 0}),
        ({"tags": [], "input": {}}, {"tags": [], "input": {}}),
        ({"starts_at": AT, "ends_at": None}, {"starts_at": datetime(2099, 1, 1, tzinfo=UTC), "ends_at": None}),
    ],
)
def test_a_change_holds_the_fields_that_were_given_and_no_others(
    given: dict[str, Any], changes: dict[str, object]
) -> None:
    assert job_changes(JobPatch.model_validate(given)) == changes


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({}, [("", "the body contains no change")]),
        ({"cron": "0 9 * * 1", "every": "2h"}, [("/every", "both every and cron are given")]),
        ({"cron": "0 9 * * 1", "anchor": AT}, [("/anchor", "anchor requires every")]),
        ({"starts_at": AT, "ends_at": AT}, [("/ends_at", "ends_at is not after starts_at")]),
        ({"on_success": {}}, [("/on_success", "exactly one of endpoint and job must be given")]),
    ],
)
def test_a_change_that_contradicts_itself_is_rejected(given: dict[str, Any], faults: list[tuple[str, str]]) -> None:
    with pytest.raises(errors.Unprocessable) as caught:
        job_changes(JobPatch.model_validate(given))
    assert faults_of(caught) == faults


def test_a_local_anchor_of_a_change_is_local_to_the_zone_that_the_job_has() -> None:
    """A zone that is not given stays, so it is no fault that it is missing."""
    given = {"every": "2h", "anchor": "2099-01-01T00:00:00"}
    assert set(job_changes(JobPatch.model_validate(given))) == {"every", "anchor"}


@pytest.mark.parametrize(
    ("edited", "left"),
    [
        ({"cron": "0 9 * * 1", "every": None, "anchor": None}, {"cron": "0 9 * * 1"}),
        ({"cron": None, "every": "2h", "anchor": None}, {"every": "2h", "anchor": None}),
        ({"cron": None, "every": "2h", "anchor": AT}, {"every": "2h", "anchor": AT}),
        ({"cron": None}, {"cron": None}),
        ({"every": None}, {"every": None}),
        ({"anchor": None}, {"anchor": None}),
        ({"cron": None, "every": None}, {"cron": None, "every": None}),
        ({"title": None, "cron": "0 9 * * 1"}, {"title": None, "cron": "0 9 * * 1"}),
        ({}, {}),
    ],
)
def test_a_field_that_is_null_because_another_replaces_it_is_no_change(
    edited: dict[str, Any], left: dict[str, Any]
) -> None:
    assert job_edits(edited) == left


def test_a_preview_reads_an_anchor_as_an_instant_or_as_a_local_time_of_its_zone() -> None:
    plain = schedule_text(SchedulePreview.model_validate({"cron": "0 9 * * 1"}))
    assert (plain.cron, plain.every, plain.anchor, plain.anchor_local, plain.timezone, plain.dst_gap) == (
        "0 9 * * 1", None, None, None, "UTC", "SHIFT",
    )  # fmt: skip
    every = {"every": "2h", "timezone": "Asia/Kolkata", "dst_gap": "SKIP", "dst_overlap": "BOTH"}
    at = schedule_text(SchedulePreview.model_validate({**every, "anchor": AT}))
    assert (at.anchor, at.anchor_local, at.dst_gap, at.dst_overlap, at.timezone) == (
        datetime(2099, 1, 1, tzinfo=UTC), None, "SKIP", "BOTH", "Asia/Kolkata",
    )  # fmt: skip
    local = schedule_text(SchedulePreview.model_validate({**every, "anchor": "2099-01-01T00:00:00"}))
    assert (local.anchor, local.anchor_local) == (None, datetime(2099, 1, 1))  # noqa: DTZ001
    with pytest.raises(errors.Unprocessable) as caught:
        schedule_text(SchedulePreview.model_validate({"every": "2h", "anchor": "2099-01-01T00:00:00"}))
    assert faults_of(caught)[0][0] == "/anchor"


def test_a_backfill_has_a_window_and_each_outcome_once() -> None:
    given = {"from": AT, "to": LATER_AT, "include": ["FAILED", "MISSED", "FAILED"], "max_active": 3, "priority": -5}
    made = new_backfill(BackfillCreate.model_validate(given))
    assert (made.from_at, made.to_at) == (datetime(2099, 1, 1, tzinfo=UTC), datetime(2099, 1, 2, tzinfo=UTC))
    assert (made.include, made.max_active, made.priority) == (("FAILED", "MISSED"), 3, -5)
    for to in (AT, "2098-12-31T23:59:59Z"):
        with pytest.raises(errors.Unprocessable) as caught:
            new_backfill(BackfillCreate.model_validate({**given, "to": to}))
        assert faults_of(caught) == [("/to", "to is not after from")]


def test_a_pause_changes_only_the_terms_that_are_given() -> None:
    assert pause_terms(JobPause()) == {}
    assert pause_terms(JobPause(note=None)) == {"note": None}
    assert pause_terms(JobPause.model_validate({"until": AT, "note": "n"})) == {
        "until": datetime(2099, 1, 1, tzinfo=UTC), "note": "n",
    }  # fmt: skip
