"""A job and its form on the dashboard: what each way to give a schedule sends, and which changes a form makes."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from kronos import errors
from kronos.dashboard import job_terms
from kronos.dashboard.forms import FilledForm, SentForm
from kronos.model import Job
from plain_job import PLAIN

AT = datetime(2026, 12, 1, 9, tzinfo=UTC)


def a_job(**known: Any) -> Job:
    usual: dict[str, Any] = {"name": "report", "endpoint": "hook", "version": 3, "catch_up": {"policy": "SKIP", "x": 5},
             "input": {"a": 1}, "tags": ["x", "y"], "created_at": AT}  # fmt: skip
    return replace(PLAIN, **usual | known)


def sent(*given: tuple[str, str]) -> SentForm:
    return SentForm(fields=given)


def document(*given: tuple[str, str]) -> dict[str, Any]:
    return job_terms.document_of(sent(*given))


NONE = {"cron": None, "every": None, "anchor": None}
EMPTY: dict[str, Any] = {"tags": [], "input": {}}


@pytest.mark.parametrize(
    ("given", "schedule"),
    [
        ([("way", "sentence"), ("sentence", "every monday at 9:00")], {"cron": "0 9 * * 1"}),
        ([("way", "sentence"), ("sentence", "every 2 hours"), ("/cron", "x")], None),
        ([("way", "calendar"), ("times", "9:00, 10:00"), ("weekdays", "1"), ("weekdays", "5")], None),
        ([("way", "every"), ("/every", "90m"), ("/anchor", "t"), ("/cron", "x")], {"every": "90m", "anchor": "t"}),
        ([("way", "every"), ("/every", " ")], {"every": ""}),
        ([("way", "cron"), ("/cron", "0 9 * * 1"), ("/every", "1h")], {"cron": "0 9 * * 1"}),
        ([("/cron", "0 9 * * 1")], {"cron": "0 9 * * 1"}),
        ([("way", "cron")], {"cron": ""}),
    ],
)
def test_the_way_that_was_chosen_gives_the_schedule_and_no_other_does(
    given: list[tuple[str, str]], schedule: dict[str, str] | None
) -> None:
    found = document(*given)
    times = {name: found[name] for name in NONE}
    if schedule is None:
        assert [name for name, value in times.items() if value is not None] in (["cron"], ["every"])
        assert "x" not in times.values()
    else:
        assert times == NONE | schedule
    assert found == EMPTY | times


def test_days_and_times_that_were_picked_make_one_expression() -> None:
    found = document(
        ("way", "calendar"), ("times", "9:00 10:00,"), ("days", "1, 15"), ("months", "1"), ("months", "12"),
        ("months", "13"), ("weekdays", "7"),
    )  # fmt: skip
    assert found["cron"] == "0 9,10 1,15 1,12 *"


@pytest.mark.parametrize("day", ["0", "32", "first", "1.5", "-1"])
def test_a_day_of_the_month_that_is_none_is_a_fault_of_its_field(day: str) -> None:
    with pytest.raises(errors.Unprocessable) as caught:
        document(("way", "calendar"), ("times", "9:00"), ("days", f"1 {day}"))
    (fault,) = caught.value.faults
    assert (fault.pointer, fault.detail) == ("/days", f"'{day}' is not a day of the month")


OF_CRON = [("/trigger", "CRON"), ("/cron", "0 9 * * 1"), ("/timezone", "Asia/Tokyo"), ("/max_runs:integer", "3"),
           ("/overlap", "SKIP"), ("/spread", "5m"), ("/calendars:commas", "c")]  # fmt: skip


def test_a_job_that_runs_once_has_no_fields_of_a_schedule() -> None:
    whole = [*OF_CRON[1:], ("/run_at", "2026-12-01T09:00:00Z"), ("/title", "T")]
    assert document(("/trigger", "DELAYED"), *whole) == EMPTY | {
        "trigger": "DELAYED",
        "run_at": "2026-12-01T09:00:00Z",
        "title": "T",
    }
    local = document(("/trigger", "DELAYED"), *OF_CRON[1:], ("/run_at", "2026-12-01T09:00"))
    assert local == EMPTY | {"trigger": "DELAYED", "run_at": "2026-12-01T09:00", "timezone": "Asia/Tokyo"}
    for offset in ("+01:00", "-0530"):
        assert "timezone" not in document(
            ("/trigger", "DELAYED"), ("/timezone", "UTC"), ("/run_at", f"2026-12-01T09:00{offset}")
        )
    assert document(("/trigger", "IMMEDIATE"), *whole) == EMPTY | {"trigger": "IMMEDIATE", "title": "T"}
    assert document(("/trigger", "DELAYED"), ("/timezone", "UTC")) == EMPTY | {"trigger": "DELAYED"}
    local_now = document(("/trigger", "IMMEDIATE"), ("/timezone", "UTC"), ("/run_at", "2026-12-01T09:00"))
    assert local_now == EMPTY | {"trigger": "IMMEDIATE"}
    assert "run_at" not in document(*OF_CRON, ("/run_at", "2026-12-01T09:00:00Z"))


def test_callbacks_and_calendars_that_are_empty_are_not_sent_for_a_new_job() -> None:
    given = [*OF_CRON[:2], ("/on_success:json", "null"), ("/on_failure:json", '{"job": "load"}'),
             ("/calendars:commas?", "")]  # fmt: skip
    found = document(*given)
    assert ("on_success" in found, found["on_failure"], "calendars" in found) == (False, {"job": "load"}, False)
    assert document(*given, ("version", "3"))["calendars"] is None
    assert job_terms.given({"a": None, "b": 0, "c": []}) == {"b": 0, "c": []}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([("/cron", "0 9 * * 1"), ("/max_runs:integer", "3")], ""),
        ([("way", "sentence"), ("sentence", "daily"), ("/cron", "0 9 * * 1")], "Cron expression"),
        ([("way", "cron"), ("sentence", "daily"), ("/every", "1h"), ("weekdays", "1")], "In words, Weekdays, Every"),
        ([("/run_at", "soon")], "At"),
        ([("/trigger", "DELAYED"), ("/run_at", "soon"), ("/cron", "x"), ("/max_runs:integer", "3")],
         "Maximum number of runs, Cron expression"),
        ([("/trigger", "IMMEDIATE"), ("/run_at", "soon"), ("sentence", "daily")], "In words, At"),
    ],
)  # fmt: skip
def test_what_was_filled_in_for_another_choice_is_named(given: list[tuple[str, str]], said: str) -> None:
    told = job_terms.not_used(sent(*given), job_terms.NEW)
    assert told == (f"Ignored, because another option was chosen: {said}." if said else "")


@pytest.mark.parametrize(
    ("instant", "typed"),
    [
        (datetime(2026, 12, 1, 9, tzinfo=UTC), "2026-12-01T09:00"),
        (datetime(2026, 12, 1, 9, 0, 5, tzinfo=UTC), "2026-12-01T09:00:05"),
        (datetime(2026, 12, 1, 9, 0, 5, 123_456, tzinfo=UTC), "2026-12-01T09:00:05.123"),
        (None, ""),
    ],
)
def test_the_form_of_a_job_has_its_times_as_browsers_take_them(instant: datetime | None, typed: str) -> None:
    assert job_terms.of_job(a_job(starts_at=instant)).text("/starts_at") == typed


def test_the_form_of_a_job_has_its_terms() -> None:
    form = job_terms.of_job(a_job(calendars=["c", "d"]))
    found = [form.text(each) for each in ("way", "version", "/tags", "/calendars", "/cron", "/anchor")]
    assert found == ["cron", "3", "x, y", "c, d", "0 9 * * 1", ""]
    every = job_terms.of_job(a_job(cron=None, every="2d", anchor=AT, anchor_local="2026-12-01T10:00:00"))
    assert [every.text(each) for each in ("way", "/every", "/anchor")] == ["every", "2d", "2026-12-01T10:00:00"]
    instant = job_terms.of_job(a_job(cron=None, every="2d", anchor=AT))
    assert instant.text("/anchor") == "2026-12-01T09:00:00Z"


def changed(job: Job, **edited: str) -> dict[str, Any]:
    """Return the changes that the job's own form makes, with these fields edited."""
    kinds = {"/input": ":json", "/catch_up": ":json", "/tags": ":words", "/calendars": ":commas", "/starts_at": ":utc?",
             "/max_runs": ":integer?", "/on_success": ":json", "/title": ":?", "/priority": ":integer"}  # fmt: skip
    form = {name: texts[0] if texts else "" for name, texts in job_terms.of_job(job).values.items()}
    shown = ("way", "version", "/cron", "/every", "/anchor", "/timezone", "/input", "/tags", "/title", "/starts_at",
             "/max_runs", "/catch_up", "/calendars", "/on_success", "/overlap", "/priority")  # fmt: skip
    values = {name: form.get(name, "") for name in shown} | {
        name if name in shown else f"/{name}": text for name, text in edited.items()
    }
    pairs = [(f"{name}{kinds.get(name, '')}", text) for name, text in values.items()]
    return job_terms.changes(job_terms.document_of(SentForm(fields=pairs)), job)


FRACTION = datetime(2026, 12, 1, 9, 0, 5, 123_456, tzinfo=UTC)


@pytest.mark.parametrize(
    "job",
    [
        a_job(),
        a_job(starts_at=FRACTION, max_runs=3, title="T", on_success={"job": "load"}, calendars=["c"]),
        a_job(cron=None, every="2d", anchor=AT, anchor_local="2026-12-01T10:00:00"),
        a_job(cron=None, every="2d", anchor=AT),
    ],
)
def test_a_form_that_was_not_edited_changes_nothing(job: Job) -> None:
    assert changed(job) == {}


@pytest.mark.parametrize(
    ("job", "edited", "changes"),
    [
        (a_job(), {"cron": "0 10 * * 1"}, {"cron": "0 10 * * 1"}),
        (a_job(), {"input": '{"a": 2}'}, {"input": {"a": 2}}),
        (a_job(), {"input": '{"a": "1"}'}, {"input": {"a": "1"}}),
        (a_job(), {"tags": "x"}, {"tags": ["x"]}),
        (a_job(title="T"), {"title": ""}, {"title": None}),
        (a_job(max_runs=3), {"max_runs": ""}, {"max_runs": None}),
        (a_job(), {"catch_up": '{"policy": "SKIP"}'}, {}),
        (a_job(), {"catch_up": '{"policy": "ALL"}'}, {"catch_up": {"policy": "ALL"}}),
        (a_job(), {"catch_up": "[1]"}, {"catch_up": [1]}),
        (a_job(), {"input": "{}"}, {"input": {}}),
        (a_job(), {"starts_at": "2026-12-01T09:00"}, {"starts_at": "2026-12-01T09:00:00Z"}),
        (a_job(starts_at=FRACTION), {"starts_at": "2026-12-01T09:00:05.124"},
         {"starts_at": "2026-12-01T09:00:05.124Z"}),
        (a_job(starts_at=AT), {"starts_at": "soon"}, {"starts_at": "soon"}),
        (a_job(starts_at=AT), {"starts_at": ""}, {"starts_at": None}),
        (a_job(on_success={"job": "load"}), {"on_success": ""}, {"on_success": None}),
        (a_job(cron=None, every="2d", anchor=AT), {"every": "3d"}, {"every": "3d"}),
        (a_job(cron=None, every="2d", anchor=AT), {"anchor": "2026-12-01T10:00:00+01:00"}, {}),
        (a_job(cron=None, every="2d", anchor=AT), {"anchor": "2026-12-01T10:00:00Z"},
         {"anchor": "2026-12-01T10:00:00Z"}),
        (a_job(cron=None, every="2d", anchor=AT), {"anchor": "soon"}, {"anchor": "soon"}),
        (a_job(cron=None, every="2d", anchor=AT), {"anchor": ""}, {}),
        (a_job(), {"way": "every", "every": "1h"}, {"every": "1h"}),
    ],
)  # fmt: skip
def test_a_form_that_was_edited_changes_what_was_edited(
    job: Job, edited: dict[str, str], changes: dict[str, Any]
) -> None:
    assert changed(job, **edited) == changes


def test_a_new_form_begins_with_what_most_jobs_have() -> None:
    assert isinstance(job_terms.NEW, FilledForm)
    assert [job_terms.NEW.text(each) for each in ("way", "/trigger", "/timezone", "/input")] == [
        "sentence",
        "CRON",
        "UTC",
        "{}",
    ]
