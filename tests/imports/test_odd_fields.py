"""Documents of other tools in which any one field is something else than it should be."""

import base64
import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from kronos.api.endpoint_schemas import HttpEndpointCreate
from kronos.api.job_schemas import JobCreate
from kronos.imports import amazon, google, kubernetes, pg_cron
from kronos.imports.translation import Found, Terms, Translated, UnreadableError

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TERMS = (Terms(url="https://relay.example.com", endpoint="relay"), Terms())
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    10**12,
    1.5,
    "",
    "x",
    " ",
    "at(2027-02-30T09:00:00)",
    [],
    ["x"],
    {},
    {"a": 1},
)

CRONJOB = {
    "kind": "CronJob",
    "metadata": {"name": "report", "namespace": "billing"},
    "spec": {
        "schedule": "0 9 * * 1",
        "timeZone": "Europe/Berlin",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 200,
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "jobTemplate": {
            "spec": {
                "backoffLimit": 2,
                "activeDeadlineSeconds": 600,
                "template": {
                    "spec": {
                        "containers": [{"name": "main", "image": "r", "command": ["r"], "args": ["-v"], "env": []}],
                        "initContainers": [],
                    }
                },
            }
        },
    },
}
RULE = {
    "Name": "report",
    "GroupName": "billing",
    "ScheduleExpression": "cron(0 9 * * ? 2027)",
    "ScheduleExpressionTimezone": "Europe/Berlin",
    "StartDate": "2026-07-01T00:00:00Z",
    "EndDate": 1830297600.5,
    "State": "ENABLED",
    "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5},
    "Description": "Invoices",
    "Target": {
        "Arn": "arn:x",
        "Input": "{}",
        "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60},
        "SqsParameters": {"MessageGroupId": "g"},
    },
}
SCHEDULED = {
    "name": "projects/p/locations/l/jobs/report",
    "description": "Invoices",
    "schedule": "0 9 * * 1",
    "timeZone": "Europe/Berlin",
    "state": "ENABLED",
    "attemptDeadline": "30s",
    "retryConfig": {
        "retryCount": 3,
        "maxRetryDuration": "60s",
        "minBackoffDuration": "5s",
        "maxBackoffDuration": "9s",
        "maxDoublings": 2,
    },
    "httpTarget": {
        "uri": "https://x.example.com/run",
        "httpMethod": "POST",
        "headers": {"X-Team": "sales", "Content-Type": "application/json"},
        "body": base64.b64encode(b'{"a": ["{{b}}", 1]}').decode(),
    },
}
ENTRY = {
    "jobid": 1,
    "schedule": "0 9 * * 1",
    "command": "select 1",
    "database": "app",
    "username": "app",
    "active": True,
    "jobname": "report",
}


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for name in document if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ():
        yield from places(document[name], (*path, name))


def with_odd(document: Any, path: tuple[Any, ...], value: object) -> Any:
    if not path:
        return value
    made = deepcopy(document)
    at = made
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return made


def found(tool: str, document: Any, terms: Terms) -> list[Found]:
    text = json.dumps(document)
    if tool == "kubernetes":
        return list(kubernetes.translate(text, terms))
    if tool == "amazon":
        return list(amazon.translate(text, terms, now=NOW))
    if tool == "google":
        return list(google.translate(text, terms))
    return list(pg_cron.translate(pg_cron.entries_of(f"[{text}]"), pg_cron.Reading(), terms))


@pytest.mark.parametrize(
    ("tool", "document"), [("kubernetes", CRONJOB), ("amazon", RULE), ("google", SCHEDULED), ("pg_cron", ENTRY)]
)
def test_a_field_of_another_type_is_answered_and_what_is_translated_is_json(tool: str, document: Any) -> None:
    assert isinstance(found(tool, document, TERMS[0])[0], Translated)
    for path in places(document):
        for value in ODD:
            for terms in TERMS:
                try:
                    answers = found(tool, with_odd(document, path, value), terms)
                except UnreadableError:
                    continue  # a message with its line
                for each in answers:
                    if isinstance(each, Translated):
                        assert each.name, (path, value)
                        JobCreate.model_validate(each.job)
                        if each.endpoint is not None:
                            HttpEndpointCreate.model_validate(each.endpoint)
