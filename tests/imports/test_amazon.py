"""EventBridge's schedules: cron() with six fields, rate(), at(), their zones, windows and years."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cron_texts
from depth import depth
from imports import vixie
from imports.ticks import Connection, ticks
from kronos.imports import amazon
from kronos.imports.translation import Terms, Translated, Untranslated

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def one(expression: str, *, terms: Terms | None = None, **fields: Any) -> Translated | Untranslated:
    item = {"Name": "report", "ScheduleExpression": expression, "Target": {"Arn": "arn:x"}, **fields}
    (found,) = amazon.translate(json.dumps(item), terms or Terms(endpoint="relay"), now=NOW)
    assert isinstance(found, Translated | Untranslated)
    return found


def job_of(expression: str, **fields: Any) -> Translated:
    found = one(expression, **fields)
    assert isinstance(found, Translated), found
    return found


def reason(expression: str, **fields: Any) -> str:
    found = one(expression, **fields)
    assert isinstance(found, Untranslated), found
    return found.reason


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("0 10 * * ? *", "0 10 * * *"),
        ("15 12 ? * 1 *", "15 12 * * 0"),
        ("0 18 ? * MON-FRI *", "0 18 * * mon-fri"),
        ("0 8 1 * ? *", "0 8 1 * *"),
        ("0/15 * * * ? *", "0-59/15 * * * *"),
        ("0/5 8-17 ? * 2-6 *", "0-59/5 8-17 * * 1-5"),
        ("0 9 L * ? *", "0 9 L * *"),
        ("0 9 15W * ? *", "0 9 15W * *"),
        ("0 9 LW * ? *", "0 9 LW * *"),
        ("0 9 ? * 6L *", "0 9 * * 5L"),
        ("0 9 ? * FRI#2 *", "0 9 * * fri#2"),
        ("0 9 ? * 2#1 *", "0 9 * * 1#1"),
        ("0 9 ? * L *", "0 9 * * 6"),
        ("0 9 1,L * ? *", "0 9 1,L * *"),
        ("0 9 ? JAN,JUL 1,7 *", "0 9 * jan,jul 0,6"),
    ],
)
def test_six_fields_become_five(theirs: str, ours: str) -> None:
    assert job_of(f"cron({theirs})").job["cron"] == ours


_AWS_WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


@settings(max_examples=depth(200, deep=3000), deadline=None)
@given(st.integers(1, 7), st.integers(1, 5), st.sampled_from(["plain", "named", "#", "L", "range"]), st.data())
def test_weekdays_are_counted_from_sunday_as_1(day: int, nth: int, kind: str, data: st.DataObject) -> None:
    last = data.draw(st.integers(day, 7))
    text = {
        "plain": f"{day}",
        "named": _AWS_WEEKDAYS[day - 1],
        "#": f"{day}#{nth}",
        "L": f"{day}L",
        "range": f"{day}-{last}",
    }[kind]
    reading = cron_texts.read(job_of(f"cron(0 9 ? * {text} *)").job["cron"])
    for number in range(800):
        at = date(2026, 1, 1) + timedelta(days=number)
        weekday = at.isoweekday() % 7 + 1
        expected = {
            "plain": weekday == day,
            "named": weekday == day,
            "#": weekday == day and (at.day - 1) // 7 + 1 == nth,
            "L": weekday == day and (at + timedelta(days=7)).month != at.month,
            "range": day <= weekday <= last,
        }[kind]
        assert reading.has_day(at) == expected, (text, at)


def test_a_time_that_is_left_out_does_not_run_and_one_that_comes_twice_runs_once(
    shared_superuser: Connection,
) -> None:
    """As its user guide says of daylight saving time."""
    job = job_of("cron(30 2 * * ? *)", ScheduleExpressionTimezone="America/New_York").job
    gap, overlap = vixie.changes("America/New_York")
    assert len(ticks(shared_superuser, job, *gap)) == 6
    assert len(ticks(shared_superuser, {**job, "dst_gap": "SHIFT"}, *gap)) == 7
    job = job_of("cron(30 1 * * ? *)", ScheduleExpressionTimezone="America/New_York").job
    assert len(ticks(shared_superuser, job, *overlap)) == 5
    assert len(ticks(shared_superuser, {**job, "dst_overlap": "BOTH"}, *overlap)) == 6


def test_years_and_dates_are_the_window_of_the_job() -> None:
    job = job_of("cron(0 0 1 1 ? 2027-2030)", ScheduleExpressionTimezone="Europe/Berlin").job
    assert (job["starts_at"], job["ends_at"]) == ("2026-12-31T23:00:00Z", "2030-12-31T23:00:00Z")
    job = job_of("cron(0 0 1 1 ? *)", StartDate="2026-07-01T02:00:00+02:00", EndDate=1830297600.5).job
    assert (job["starts_at"], job["ends_at"]) == ("2026-07-01T00:00:00Z", "2028-01-01T00:00:00Z")
    assert "starts_at" not in job_of("cron(0 0 1 1 ? 2020-2030)").job
    assert "ended" in reason("cron(0 0 1 1 ? 2020)")
    assert "one span of years" in reason("cron(0 0 1 1 ? 2027/2)")
    assert "EndDate is not a time" in reason("cron(0 0 1 1 ? *)", EndDate="soon")


def test_a_rate_is_an_interval_from_its_beginning(shared_superuser: Connection) -> None:
    found = job_of("rate(5 minutes)", CreationDate="2026-01-01T10:03:31.123000+00:00")
    assert (found.job["every"], found.job["anchor"]) == ("5m", "2026-01-01T10:03:00Z")
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    expected = [begin + timedelta(minutes=3 + 5 * n) for n in range(12)]
    assert ticks(shared_superuser, found.job, begin, begin + timedelta(hours=1)) == expected
    assert job_of("rate(1 hour)").job["every"] == "1h"
    assert job_of("rate(7 days)").job["every"] == "7d"
    assert "rate is 0" in reason("rate(0 minutes)")


def test_a_one_time_schedule_is_a_delayed_job_at_its_local_time() -> None:
    job = job_of("at(2027-07-01T09:00:00)", ScheduleExpressionTimezone="Europe/Berlin").job
    assert {"trigger": "DELAYED", "run_at": "2027-07-01T09:00:00", "timezone": "Europe/Berlin"}.items() <= job.items()
    assert "passed" in reason("at(2026-05-31T23:59:59)")
    assert "disabled" in reason("at(2027-07-01T09:00:00)", State="DISABLED")
    assert reason("at(9999-12-31T23:59:59)", ScheduleExpressionTimezone="Etc/GMT+5") == "the year 9999 is out of range"
    assert "not a time zone" in reason("at(2027-07-01T09:00:00)", ScheduleExpressionTimezone="Mars/Base")


def test_windows_retries_and_targets() -> None:
    target = {
        "Arn": "arn:aws:lambda:eu:1:function:x",
        "Input": '{"id": 7}',
        "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600},
        "SqsParameters": {"MessageGroupId": "g"},
        "DeadLetterConfig": {"Arn": "arn:q"},
    }
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 90}
    fields = {"Target": target, "FlexibleTimeWindow": window, "GroupName": "billing", "State": "DISABLED"}
    found = one("rate(1 hour)", terms=Terms(url="https://relay.example.com"), **fields)
    assert isinstance(found, Translated)
    assert found.is_paused
    assert found.name == "billing.report"
    assert found.job["jitter_seconds"] == 3600
    assert found.job["input"] == {
        "target": "arn:aws:lambda:eu:1:function:x",
        "SqsParameters": {"MessageGroupId": "g"},
        "input": {"id": 7},
    }
    assert found.endpoint == {
        "name": "billing.report",
        "type": "HTTP",
        "spec": {"url": "https://relay.example.com"},
        "retry_policy": {"max_attempts": 4, "max_age_seconds": 3600},
    }
    assert any("90 min becomes 60" in note for note in found.notes)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("cron(0 10 * * * *)", "one of day of month and weekday"),
        ("cron(0 10 ? * ? *)", "one of day of month and weekday"),
        ("cron(0 10 * * ?)", "has 5 fields"),
        ("cron(0 10 ? * 8 *)", "days are 1 (Sunday) to 7"),
        ("cron(0 10 ? * FRI-MON *)", "backward"),
        ("cron(60 10 * * ? *)", "not between"),
        ("every day", "neither cron"),
    ],
)
def test_what_is_no_schedule_of_theirs_is_refused_with_the_reason(expression: str, why: str) -> None:
    assert why in reason(expression)


def test_nothing_of_a_schedule_is_dropped_without_a_word() -> None:
    found = job_of("rate(1 day)", Description="All invoices", ActionAfterCompletion="DELETE")
    assert found.job["title"] == "All invoices"
    assert any("ActionAfterCompletion" in note for note in found.notes)
    assert any("list-targets-by-rule" in note for note in job_of("rate(1 day)", Target=None).notes)
    assert "the state ODD is not supported" in reason("rate(1 day)", State="ODD")


@pytest.mark.parametrize("text", ['{"n": NaN}', "[1e400]", "[123456789012345678901234567890]", r'["\ud800"]'])
def test_an_input_that_no_json_can_hold_stays_a_text(text: str) -> None:
    assert job_of("rate(1 day)", Target={"Arn": "arn:x", "Input": text}).job["input"]["input"] == text


def test_lists_rules_and_summaries() -> None:
    rule = {"Name": "r", "ScheduleExpression": "rate(1 day)", "State": "ENABLED", "EventBusName": "default"}
    event = {"Name": "e", "EventPattern": "{}"}
    summary = {"Name": "s", "GroupName": "default", "Target": {"Arn": "x"}}
    texts = [
        json.dumps({"Rules": [rule, event]}, indent=1),
        json.dumps([rule, summary], indent=1),
        f"{json.dumps(rule)}\n{json.dumps(summary)}\n",
    ]
    for text, why in zip(texts, ("rule for events", "get-schedule", "get-schedule"), strict=True):
        first, second = amazon.translate(text, Terms(endpoint="relay"), now=NOW)
        assert isinstance(first, Translated)
        assert isinstance(second, Untranslated)
        assert why in second.reason
        assert int(second.where.removeprefix("line ")) in (2, 8, 9)


NO_START = "the start of the rate is not given: it counts from the job's creation"
RETRIES = (
    "RetryPolicy: not imported, the endpoint's own apply. To set them: "
    "kronos endpoint edit relay --max-attempts 100 --retry '{\"max_age_seconds\": 86400}'"
)
DELAYED = {"expression": "at(2027-07-01T09:00:00)"}


@pytest.mark.parametrize(
    ("fields", "notes"),
    [
        ({}, ["EventBridge's up to 185 retries become 99", RETRIES]),
        ({"expression": "rate(1 day)"}, [NO_START, "EventBridge's up to 185 retries become 99", RETRIES]),
        ({"Target": {"Arn": "x", "RetryPolicy": {"MaximumRetryAttempts": 98}}}, [RETRIES.replace("100", "99")]),
        (
            {"Target": {"Arn": "x", "RetryPolicy": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}}},
            [RETRIES.replace("attempts 100", "attempts 1").replace("86400", "60")],
        ),
        (
            {"Target": {"Arn": "x", "RetryPolicy": {"MaximumRetryAttempts": 1}, "DeadLetterConfig": {"Arn": "q"}}},
            [
                "permanent failures become dead letters in Kronos, not in the queue",
                RETRIES.replace("attempts 100", "attempts 2"),
            ],
        ),
        (
            {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 60}},
            [
                "the window becomes jitter_seconds: an offset that is fixed per job",
                "EventBridge's up to 185 retries become 99",
                RETRIES,
            ],
        ),
        ({"FlexibleTimeWindow": {"Mode": "OFF", "MaximumWindowInMinutes": 60}}, None),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": "60"}}, None),
        (
            DELAYED | {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}},
            [
                "the window of 5 min is left out: a one-time job runs at its exact time",
                "EventBridge's up to 185 retries become 99",
                RETRIES,
            ],
        ),
        (
            {"State": "DISABLED"},
            [
                "EventBridge's up to 185 retries become 99",
                RETRIES,
                "the schedule is disabled: the job is created paused",
            ],
        ),
        (
            {"KmsKeyArn": "arn:k", "ActionAfterCompletion": "NONE"},
            ["EventBridge's up to 185 retries become 99", RETRIES, "KmsKeyArn has no equivalent: left out"],
        ),
    ],
)
def test_each_difference_is_noted_and_nothing_else(fields: dict[str, Any], notes: list[str] | None) -> None:
    given = {"expression": "cron(0 9 * * ? *)"} | fields
    found = job_of(**given)
    assert list(found.notes) == (["EventBridge's up to 185 retries become 99", RETRIES] if notes is None else notes)


def test_a_rate_counts_from_its_start_or_else_from_its_creation() -> None:
    made, starts = "2026-01-01T10:03:31.5Z", "2026-02-01T00:00:59+01:00"
    found = job_of("rate(2 hours)", CreationDate=made, StartDate=starts)
    assert found.job["anchor"] == "2026-01-31T23:00:00Z"
    assert found.notes[0] == "the rate counts from StartDate or CreationDate, rounded to the minute"
    assert job_of("rate(2 hours)", CreationDate=made).job["anchor"] == "2026-01-01T10:03:00Z"
    assert "anchor" not in job_of("rate(2 hours)").job


def test_a_window_in_time_is_what_years_and_dates_have_in_common() -> None:
    dates = {"StartDate": "2027-03-01T00:00:00Z", "EndDate": "2029-03-01T00:00:00Z"}
    job = job_of("cron(0 0 1 1 ? 2020-2040)", **dates).job
    assert (job["starts_at"], job["ends_at"]) == ("2027-03-01T00:00:00Z", "2029-03-01T00:00:00Z")
    job = job_of("cron(0 0 1 1 ? 2028)", **dates).job
    assert (job["starts_at"], job["ends_at"]) == ("2028-01-01T00:00:00Z", "2029-01-01T00:00:00Z")


def test_now_is_the_end_of_what_has_passed() -> None:
    def at(seconds: int) -> str:
        return (NOW + timedelta(seconds=seconds)).isoformat()

    daily = "cron(0 9 * * ? *)"
    assert reason(daily, EndDate=at(0)) == "the schedule ended at 2026-06-01T00:00:00Z"
    assert job_of(daily, EndDate=at(1)).job["ends_at"] == "2026-06-01T00:00:01Z"
    assert "starts_at" not in job_of(daily, StartDate=at(0)).job
    assert job_of(daily, StartDate=at(1)).job["starts_at"] == "2026-06-01T00:00:01Z"
    assert reason("at(2026-06-01T00:00:00)") == "the time has passed: 2026-06-01T00:00:00 in UTC"
    assert job_of("at(2026-06-01T00:00:01)").job["run_at"] == "2026-06-01T00:00:01"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1830297600.5, "2028-01-01T00:00:00Z"),
        ("2027-01-01T00:00:00", "2027-01-01T00:00:00Z"),
        ("2027-01-01T00:00:00+09:00", "2026-12-31T15:00:00Z"),
        ("2999-12-31T23:59:59Z", "2999-12-31T23:59:59Z"),
    ],
)
def test_a_time_is_a_text_or_seconds(written: object, read: str) -> None:
    assert job_of("rate(1 day)", CreationDate=written).job["anchor"][:16] == read[:16]


@pytest.mark.parametrize("written", [True, "soon", "3000-01-01T00:00:00Z", "1969-12-31T00:00:00Z", 1e20, 1e11, -1, []])
def test_what_is_no_time_is_refused(written: object) -> None:
    assert reason("rate(1 day)", CreationDate=written) == "CreationDate is not a time"


def test_a_schedule_of_a_group_has_both_names() -> None:
    assert (job_of("rate(1 day)").name, job_of("rate(1 day)").text) == ("report", "report rate(1 day)")
    assert job_of("rate(1 day)", GroupName="default").name == "report"
    assert job_of("rate(1 day)", GroupName="billing").text == "billing.report rate(1 day)"
    assert job_of("rate(1 day)", Name=None).name == "schedule"


def test_the_zone_is_the_schedules_own_or_else_the_one_given() -> None:
    terms = Terms(endpoint="relay", timezone="Asia/Tokyo")
    for fields, zone in (({}, "Asia/Tokyo"), ({"ScheduleExpressionTimezone": "Europe/Berlin"}, "Europe/Berlin")):
        found = one("cron(0 9 * * ? *)", terms=terms, **fields)
        assert isinstance(found, Translated)
        assert found.job["timezone"] == zone


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"ScheduleExpressionTimezone": 1}, "ScheduleExpressionTimezone must be a text"),
        ({"Target": ["arn:x"]}, "Target must be an object"),
        ({"FlexibleTimeWindow": "OFF"}, "FlexibleTimeWindow must be an object"),
        ({"Target": {"RetryPolicy": {"MaximumRetryAttempts": 186}}}, "186 is not a whole number from 0 to 185"),
        ({"Target": {"RetryPolicy": {"MaximumRetryAttempts": True}}}, "True is not a whole number from 0 to 185"),
        ({"Target": {"RetryPolicy": {"MaximumEventAgeInSeconds": 0}}}, "0 is not a whole number from 1 to 86400"),
    ],
)
def test_a_field_that_is_something_else_is_named(fields: dict[str, Any], why: str) -> None:
    assert why in reason("rate(1 day)", **fields)


def test_what_is_no_time_of_day_is_refused() -> None:
    assert reason("at(2027-02-30T09:00:00)") == "2027-02-30T09:00:00 does not exist"
    assert reason("at(2027-02-01T24:00:01)") == "2027-02-01T24:00:01 does not exist"


def test_a_schedule_that_is_no_object_is_answered_in_its_line() -> None:
    (found,) = amazon.translate('["a"]', Terms(endpoint="relay"), now=NOW)
    assert found == Untranslated(where="line 1", text="", reason="not a schedule: get-schedule writes an object")


FILLED = "<aws.scheduler.…> is not filled in: use {{scheduled_at}} and similar in the endpoint's template"
OPEN = "Input seems to contain a password, which anyone who sees payloads can read: keep it where the target runs"


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        ('{"id": 7}', set()),
        ('{"at": "<aws.scheduler.scheduled-time>"}', {FILLED}),
        ('{"password": "hunter2"}', {OPEN}),
        ("PGPASSWORD=hunter2 <aws.scheduler.execution-id>", {FILLED, OPEN}),
    ],
)
def test_an_input_with_something_in_it_is_noted(text: str, notes: set[str]) -> None:
    found = job_of("rate(1 day)", Target={"Arn": "arn:x", "Input": text})
    assert {FILLED, OPEN} & set(found.notes) == notes
    assert "input" not in job_of("rate(1 day)").job["input"]


def test_a_blank_description_is_no_title() -> None:
    for description in (" ", "", 7, None):
        assert "title" not in job_of("rate(1 day)", Description=description).job
