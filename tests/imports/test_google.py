"""Cloud Scheduler's jobs: cron texts and App Engine's English, targets, retries."""

import base64
import json
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
        "body": base64.b64encode(b'{"text": "{{input}}", "n": [1, "x"]}').decode(),
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
            "body_template": {"text": "\\{{input}}", "n": [1, "x"]},
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
        ({"retryConfig": {"retryCount": "x"}}, "must be numbers"),
        ({"retryConfig": {"retryCount": 1, "maxDoublings": "5"}}, "must be numbers"),
        ({"timeZone": 7}, "not a text"),
    ],
)
def test_what_kronos_cannot_send_is_refused_with_the_reason(fields: dict[str, Any], why: str) -> None:
    assert why in reason("0 9 * * 1", **fields)


def test_a_relay_takes_each_target_as_an_input() -> None:
    found = one("* * * * *", terms=Terms(endpoint="relay"), httpTarget=None, pubsubTarget={"topicName": "t"})
    assert isinstance(found, Translated)
    assert (found.job["endpoint"], found.endpoint) == ("relay", None)
    assert found.job["input"]["pubsubTarget"] == {"topicName": "t"}
