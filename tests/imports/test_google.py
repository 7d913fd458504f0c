"""Cloud Scheduler's jobs: cron texts and App Engine's English, targets, retries."""

import base64
import json
import re
from typing import Any

import pytest

from kronos.imports import google, google_text
from kronos.imports.translation import RefusedError, Terms, Translated, Untranslated

_HTTP = {"uri": "https://example.com/report", "httpMethod": "POST"}


def one(schedule: str, *, terms: Terms | None = None, **fields: Any) -> Translated | Untranslated:
    item = {"name": "projects/p/locations/l/jobs/report", "schedule": schedule, "httpTarget": _HTTP, **fields}
    (found,) = google.translate(json.dumps([item]), terms or Terms())
    assert isinstance(found, Translated | Untranslated)
    return found


def job_of(schedule: str, **fields: Any) -> Translated:
    found = one(schedule, **fields)
    assert isinstance(found, Translated), found
    return found


def reason(schedule: str, **fields: Any) -> str:
    found = one(schedule, **fields)
    assert isinstance(found, Untranslated), found
    return found.reason


@pytest.mark.parametrize(
    ("phrase", "cron"),
    [
        ("every day 09:00", "0 9 * * *"),
        ("every monday 09:30", "30 9 * * 1"),
        ("every mon,wed,fri 17:05", "5 17 * * 1,3,5"),
        ("every monday, tuesday 00:00", "0 0 * * 1,2"),
        ("1st monday of month 08:00", "0 8 * * 1#1"),
        ("1st,third monday of jan,july 04:00", "0 4 * 1,7 1#1,1#3"),
        ("second,fourth tue,thu of month 00:00", "0 0 * * 2#2,4#2,2#4,4#4"),
        ("1,15 of month 12:00", "0 12 1,15 * *"),
        ("1 of jan,april,july,oct 00:00", "0 0 1 1,4,7,10 *"),
        ("every day of june 10:00", "0 10 * 6 *"),
        ("every 15 minutes synchronized", "0,15,30,45 * * * *"),
        ("every 2 hours synchronized", "0 0,2,4,6,8,10,12,14,16,18,20,22 * * *"),
        ("every 2 hours from 10:00 to 14:00", "0 10,12,14 * * *"),
        ("every 30 mins from 08:00 to 09:59", "0,30 8,9 * * *"),
    ],
)
def test_english_becomes_a_cron_text(phrase: str, cron: str) -> None:
    assert job_of(phrase).job["cron"] == cron


def test_an_interval_is_one() -> None:
    found = job_of("every 24 hours")
    assert (found.job["every"], found.job["overlap"]) == ("1440m", "SKIP")
    assert "from the end of a run" in found.notes[0]


@pytest.mark.parametrize(
    ("phrase", "why"),
    [
        ("every 7 minutes synchronized", "a day is not a multiple"),
        ("every 5 minutes from 22:00 to 02:00", "past midnight"),
        ("every 20 minutes from 08:10 to 10:30", "different minutes"),
        ("every fortnight 09:00", "not supported"),
        ("every day 25:00", "not a time of day"),
        ("32 of month 09:00", "not a day of the month"),
        ("every 0 minutes", "interval is 0"),
        ("every now and then", "not supported"),
        ("0 9 */2 * 1", "Google does not document"),
        ("0 9 * *", "five fields"),
    ],
)
def test_what_cannot_be_said_is_refused_with_the_reason(phrase: str, why: str) -> None:
    assert why in reason(phrase)


def test_a_phrase_is_told_from_a_cron_text() -> None:
    assert not google_text.is_phrase("0 9 * * mon")
    assert google_text.is_phrase("first monday of month 09:00")
    with pytest.raises(RefusedError):
        google_text.read("1st")


def test_a_target_becomes_an_endpoint_without_its_secrets() -> None:
    target = {
        **_HTTP,
        "uri": "https://example.com/{{x}}",
        "httpMethod": "PUT",
        "headers": {"User-Agent": "Google-Cloud-Scheduler", "X-Team": "a{{b", "Authorization": "Bearer hunter2"},
        "body": base64.b64encode(b'{"text": "{{input}}", "n": [1, "{{x}}"]}').decode(),
    }
    found = job_of(
        "0 9 * * 1",
        timeZone="Europe/Berlin",
        description="Weekly report",
        state="PAUSED",
        httpTarget=target,
        attemptDeadline="1800s",
        retryConfig={
            "retryCount": 3,
            "maxRetryDuration": "600s",
            "minBackoffDuration": "5s",
            "maxBackoffDuration": "3600s",
            "maxDoublings": 2,
        },
    )
    assert found.is_paused
    assert found.job == {
        "name": "report",
        "endpoint": "report",
        "trigger": "CRON",
        "cron": "0 9 * * 1",
        "timezone": "Europe/Berlin",
        "input": {},
        "tags": ["from-cloud-scheduler"],
        "title": "Weekly report",
    }
    assert found.endpoint == {
        "name": "report",
        "type": "HTTP",
        "spec": {
            "url": "https://example.com/\\{{x}}",
            "method": "PUT",
            "headers": {"X-Team": "a\\{{b", "Authorization": "{{secret.report-authorization}}"},
            "body_template": {"text": "\\{{input}}", "n": [1, "\\{{x}}"]},
            "timeout_ms": 900_000,
        },
        "retry_policy": {
            "max_attempts": 4,
            "initial_delay_ms": 5000,
            "max_delay_ms": 3_600_000,
            "max_age_seconds": 600,
        },
    }
    assert "hunter2" not in repr(found)
    for word in ("secret set report-authorization", "1800 s becomes 900", "maxDoublings", "PAUSED"):
        assert any(word in note for note in found.notes)


def test_secrets_and_terms_that_differ_are_said() -> None:
    headers = {
        "X-Password": "hunter2",
        "X-Signature": "hunter2",
        "X-A": "Bearer hunter2",
        "Content-Type": "text/x+json",
    }
    body = base64.b64encode(b'{"password": "x"}').decode()
    target = {**_HTTP, "uri": "https://example.com/?token=x", "headers": headers, "body": body}
    found = job_of("0 9 * * 1", httpTarget=target, retryConfig={"maxRetryDuration": "60s"})
    assert "hunter2" not in repr(found)
    for word in ("URL seems to contain", "body seems to contain", "Content-Type text/x+json", "maxRetryDuration"):
        assert any(word in note for note in found.notes), word


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"httpTarget": {**_HTTP, "oidcToken": {}}}, "oidcToken"),
        ({"httpTarget": None, "pubsubTarget": {"topicName": "t"}}, "--endpoint"),
        ({"httpTarget": {**_HTTP, "httpMethod": "HEAD"}}, "HEAD"),
        ({"httpTarget": {**_HTTP, "body": base64.b64encode(b"a=1").decode()}}, "not JSON"),
        ({"attemptDeadline": "soon"}, "not a duration"),
        ({"state": "UPDATE_FAILED"}, "UPDATE_FAILED"),
        ({"httpTarget": {**_HTTP, "body": base64.b64encode(b'{"a": NaN}').decode()}}, "not JSON"),
        ({"httpTarget": {**_HTTP, "body": base64.b64encode(b"[1e400]").decode()}}, "not JSON"),
        ({"httpTarget": {**_HTTP, "body": base64.b64encode(b"[9223372036854775808]").decode()}}, "not JSON"),
        ({"retryConfig": {"retryCount": "x"}}, "must be whole numbers"),
        ({"retryConfig": {"retryCount": 1, "maxDoublings": "5"}}, "must be whole numbers"),
        ({"retryConfig": {"retryCount": -1}}, "must be whole numbers"),
        ({"retryConfig": [1]}, "retryConfig must be an object"),
        ({"retryConfig": {"minBackoffDuration": 5}}, "minBackoffDuration 5 is not a duration"),
        ({"timeZone": 7}, "not a text"),
        ({"httpTarget": {"httpMethod": "GET"}}, "the HTTP target has no uri"),
        ({"httpTarget": {**_HTTP, "headers": ["X-A"]}}, "the headers must be texts"),
        ({"httpTarget": {**_HTTP, "headers": {"X-A": "a", "X-B": 1}}}, "the headers must be texts"),
        ({"httpTarget": {**_HTTP, "httpMethod": ["GET"]}}, "Kronos supports DELETE, GET, PATCH, POST, PUT"),
        ({"httpTarget": {**_HTTP, "body": "e30=!"}}, "not JSON"),
    ],
)
def test_what_kronos_cannot_send_is_refused_with_the_reason(fields: dict[str, Any], why: str) -> None:
    assert why in reason("0 9 * * 1", **fields)


def test_a_relay_takes_each_target_as_an_input() -> None:
    found = one("* * * * *", terms=Terms(endpoint="relay"), httpTarget=None, pubsubTarget={"topicName": "t"})
    assert isinstance(found, Translated)
    assert (found.job["endpoint"], found.endpoint) == ("relay", None)
    assert found.job["input"] == {"httpTarget": None, "pubsubTarget": {"topicName": "t"}}
    note = "the target becomes the input: anyone who sees payloads can read it, including headers"
    assert found.notes == (note,)


EMPTY = "Google sends no body, Kronos sends the job's input: {}"
CLOCKS = "Google does not document its behavior at clock changes; Kronos's defaults apply"
BOTH = "Google retries until both retryCount and maxRetryDuration are reached, Kronos until one of them is"


@pytest.mark.parametrize(
    ("fields", "notes"),
    [
        ({}, [EMPTY]),
        ({"httpTarget": {**_HTTP, "httpMethod": "PATCH"}}, [EMPTY]),
        ({"httpTarget": {**_HTTP, "httpMethod": "GET"}}, []),
        ({"httpTarget": {**_HTTP, "body": base64.b64encode(b"{}").decode()}}, []),
        ({"httpTarget": {**_HTTP, "headers": None}}, [EMPTY]),
        ({"httpTarget": {**_HTTP, "headers": {"Content-Type": "Application/JSON; charset=utf-8"}}}, [EMPTY]),
        ({"httpTarget": {**_HTTP, "headers": {"X-Google-Trace": "1", "HOST": "a", "Content-Length": "2"}}}, [EMPTY]),
        (
            {"httpTarget": {**_HTTP, "headers": {"content-type": "text/plain"}}},
            ["Content-Type text/plain: Kronos sends application/json", EMPTY],
        ),
        ({"timeZone": "Europe/Berlin"}, [CLOCKS, EMPTY]),
        ({"timeZone": "Etc/UTC"}, [EMPTY]),
        ({"timeZone": ""}, [EMPTY]),
        ({"state": "DISABLED"}, [EMPTY, "the job is DISABLED: it is created paused"]),
        ({"labels": {}}, [EMPTY, "labels has no equivalent: left out"]),
        ({"attemptDeadline": "900s"}, [EMPTY]),
        ({"attemptDeadline": "900.5s"}, [EMPTY, "attemptDeadline 900.5 s becomes 900"]),
        ({"retryConfig": {"maxRetryDuration": "0s"}}, [EMPTY]),
        ({"retryConfig": {"maxRetryDuration": "0.5s"}}, [EMPTY, BOTH]),
        ({"retryConfig": {"retryCount": 5}}, [EMPTY]),
        (
            {"retryConfig": {"retryCount": 6}},
            [EMPTY, "after maxDoublings, Google's delay grows by a fixed step; Kronos's keeps doubling"],
        ),
    ],
)
def test_each_difference_is_noted_and_nothing_else(fields: dict[str, Any], notes: list[str]) -> None:
    found = job_of("0 9 * * 1", **fields)
    assert list(found.notes) == notes
    assert found.endpoint is not None
    assert "headers" not in found.endpoint["spec"]


@pytest.mark.parametrize(
    ("config", "retry"),
    [
        (None, {"max_attempts": 1, "initial_delay_ms": 5_000, "max_delay_ms": 3_600_000}),
        ({"retryCount": 200}, {"max_attempts": 100, "initial_delay_ms": 5_000, "max_delay_ms": 3_600_000}),
        (
            {"retryCount": 1, "maxRetryDuration": "0.5s", "minBackoffDuration": "0.5s", "maxBackoffDuration": "0.1s"},
            {"max_attempts": 2, "initial_delay_ms": 500, "max_delay_ms": 500, "max_age_seconds": 1},
        ),
        (
            {"minBackoffDuration": "90000s", "maxBackoffDuration": "100000s"},
            {"max_attempts": 1, "initial_delay_ms": 86_400_000, "max_delay_ms": 86_400_000},
        ),
    ],
)
def test_retries_are_those_of_google_within_the_bounds_of_kronos(config: Any, retry: dict[str, int]) -> None:
    endpoint = job_of("0 9 * * 1", retryConfig=config).endpoint
    assert endpoint is not None
    assert (endpoint["retry_policy"], endpoint["spec"]["timeout_ms"]) == (retry, 180_000)


def test_a_secret_of_a_header_has_a_name_that_can_be_stored() -> None:
    name = f"projects/p/locations/l/jobs/{'a' * 70}"
    target = {**_HTTP, "headers": {"X.Token": "x"}}
    found = job_of("0 9 * * 1", name=name, httpTarget=target)
    assert found.endpoint is not None
    secret = found.endpoint["spec"]["headers"]["X.Token"].removeprefix("{{secret.").removesuffix("}}")
    assert (len(secret), secret[0]) == (63, "a")
    assert f"header X.Token contains a secret: store its value first: kronos secret set {secret}" in found.notes
    short = job_of("0 9 * * 1", httpTarget=target).endpoint
    assert short is not None
    assert re.fullmatch(r"\{\{secret\.report-x-token-[0-9a-f]{6}\}\}", short["spec"]["headers"]["X.Token"])


@pytest.mark.parametrize(
    ("given", "in_two_imports"),
    [
        ([("a" * 70 + "1", "X-Token"), ("a" * 70 + "2", "X-Token")], 2),
        ([("Report", "X-Token"), ("report", "X-Token")], 2),
        ([("a.b", "X-Token"), ("a-b", "X-Token")], 2),
        ([("a", "X-Api-Token"), ("a-x", "Api-Token")], 2),
        ([("a-x", "Api-Token"), ("a-x-api", "Token")], 2),
        ([("a", "X_Token"), ("a", "X-Token")], 2),
        ([("a_x", "Token"), ("a", "X-Token")], 2),
        ([("a", "X-Token"), ("a", "X-Token")], 1),
    ],
    ids=["cut", "case", "characters", "hyphen", "hyphens", "underscore", "job", "again"],
)
def test_two_headers_never_share_a_secret(given: list[tuple[str, str]], in_two_imports: int) -> None:
    items = [
        {"name": f"jobs/{job}", "schedule": "0 9 * * 1", "httpTarget": {**_HTTP, "headers": {header: "x"}}}
        for job, header in given
    ]

    def secrets(few: list[dict[str, Any]]) -> list[str]:
        found = [each for each in google.translate(json.dumps(few), Terms()) if isinstance(each, Translated)]
        return [value for each in found if each.endpoint for value in each.endpoint["spec"]["headers"].values()]

    made = secrets(items)
    assert len(set(made)) == 2
    assert len({*secrets(items[:1]), *secrets(items[1:])}) == in_two_imports
    assert secrets(items) == made  # a second import names the same secrets
    assert all(re.fullmatch(r"\{\{secret\.[a-z0-9][a-z0-9_-]{0,62}\}\}", each) for each in made)


@pytest.mark.parametrize(
    ("day", "weekday", "is_sure"),
    [("*", "1", True), ("1", "*", True), ("1", "1", True), ("*/2", "1", False), ("1", "*/2", False)],
)
def test_days_that_google_may_read_otherwise_are_refused(day: str, weekday: str, is_sure: bool) -> None:
    assert isinstance(one(f"0 9 {day} * {weekday}"), Translated) is is_sure


def test_a_job_that_is_no_object_is_answered_in_its_line() -> None:
    (found,) = google.translate('["a"]', Terms())
    assert found == Untranslated(where="line 1", text="", reason="not a job: gcloud writes an object")
    (found,) = google.translate('[{"name": "a/b"}]', Terms())
    assert isinstance(found, Untranslated)
    assert (found.text, found.reason) == ("a/b", "the schedule is missing, or the time zone is not a text")


def test_what_has_no_name_and_no_description_is_a_job_all_the_same() -> None:
    found = job_of("0 9 * * 1", name="", description=" ")
    assert (found.name, "title" in found.job, found.text) == ("job", False, "job 0 9 * * 1")
