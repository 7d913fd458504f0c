"""DELAYED jobs at a zone's local time, over HTTP: the zone determines the instant; the local time is stored and
shown.
"""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import psycopg
import pytest

from api_answers import counts, problem_of

YEAR = 2098
LATER = {"endpoint": "sink", "trigger": "DELAYED", "run_at": f"{YEAR}-07-01T09:00:00", "timezone": "Europe/Berlin"}


def last_sunday(month: int) -> date:
    day = date(YEAR, month, 31)
    return day - timedelta(days=day.isoweekday() % 7)


GAP, OVERLAP = last_sunday(3).isoformat(), last_sunday(10).isoformat()


def test_the_instant_is_the_zones_and_the_local_time_is_shown_back(api: httpx.Client, workspace: str) -> None:
    answer = api.post(f"/v1/workspaces/{workspace}/jobs", json=LATER)

    job = answer.json()
    assert answer.status_code == 201, answer.text
    assert (job["run_at"], job["run_at_local"], job["timezone"]) == (
        f"{YEAR}-07-01T07:00:00Z",
        f"{YEAR}-07-01T09:00:00",
        "Europe/Berlin",
    )
    execution = job["execution"]
    instants = {datetime.fromisoformat(at) for at in (job["run_at"], execution["scheduled_at"], execution["run_at"])}
    assert (execution["status"], len(instants)) == ("PENDING", 1)
    assert (job["cron"], job["pg_cron"], job["anchor_local"]) == (None, None, None)
    one = f"/v1/workspaces/{workspace}/jobs/{job['job_id']}"
    assert api.get(one).json() == job
    assert api.get(f"/v1/workspaces/{workspace}/jobs").json()["data"] == [job]
    assert api.get(f"{one}/explain", params={"at": job["run_at"]}).json()["decision"] == "WILL_RUN"


def test_with_an_offset_there_is_no_local_time(api: httpx.Client, workspace: str) -> None:
    job = api.post(
        f"/v1/workspaces/{workspace}/jobs",
        json={"endpoint": "sink", "trigger": "DELAYED", "run_at": f"{YEAR}-07-01T09:00:00+02:00"},
    ).json()

    assert (job["run_at"], job["run_at_local"], job["timezone"]) == (f"{YEAR}-07-01T07:00:00Z", None, None)


@pytest.mark.parametrize(
    ("run_at", "zone", "dst_gap", "expected"),
    [
        (f"{GAP}T02:30:00", "Europe/Berlin", None, f"{GAP}T01:00:00Z"),
        (f"{GAP}T02:30:00", "Europe/Berlin", "SHIFT", f"{GAP}T01:00:00Z"),
        (f"{GAP}T02:30:00", "Europe/Berlin", "SHIFT_BY_GAP", f"{GAP}T01:30:00Z"),
        (f"{GAP}T02:59:59.5", "Europe/Berlin", "SHIFT_BY_GAP", f"{GAP}T01:59:59.500000Z"),
        (f"{GAP}T03:00:00", "Europe/Berlin", "SHIFT_BY_GAP", f"{GAP}T01:00:00Z"),
        (f"{GAP}T01:59:59", "Europe/Berlin", None, f"{GAP}T00:59:59Z"),
        (f"{OVERLAP}T02:30:00", "Europe/Berlin", None, f"{OVERLAP}T00:30:00Z"),
        (f"{OVERLAP}T03:00:00", "Europe/Berlin", None, f"{OVERLAP}T02:00:00Z"),
        (f"{YEAR}-07-01T09:00:07.25", "Asia/Kolkata", None, f"{YEAR}-07-01T03:30:07.250000Z"),
        (f"{YEAR}-07-01T09:00:00", "UTC", None, f"{YEAR}-07-01T09:00:00Z"),
    ],
)
def test_where_clocks_are_changed_the_policy_says_when(
    api: httpx.Client, workspace: str, run_at: str, zone: str, dst_gap: str | None, expected: str
) -> None:
    body = LATER | {"run_at": run_at, "timezone": zone} | ({"dst_gap": dst_gap} if dst_gap else {})
    answer = api.post(f"/v1/workspaces/{workspace}/jobs", json=body)

    assert answer.status_code == 201, answer.text
    assert (answer.json()["run_at"], answer.json()["dst_gap"]) == (expected, dst_gap or "SHIFT")
    assert datetime.fromisoformat(answer.json()["run_at_local"]) == datetime.fromisoformat(run_at)


def test_one_of_a_moment_ago_is_accepted_and_due(api: httpx.Client, workspace: str) -> None:
    now = datetime.now(ZoneInfo("Asia/Kathmandu")).replace(tzinfo=None)

    job = api.post(
        f"/v1/workspaces/{workspace}/jobs", json=LATER | {"run_at": now.isoformat(), "timezone": "Asia/Kathmandu"}
    ).json()

    assert job["execution"]["status"] == "QUEUED"


def test_the_same_key_is_the_same_job_only_for_the_same_local_time(api: httpx.Client, workspace: str) -> None:
    base, key = f"/v1/workspaces/{workspace}/jobs", {"Idempotency-Key": "rent"}
    first = api.post(base, json=LATER, headers=key)

    again = api.post(base, json=LATER, headers=key)
    others = [
        LATER | {"timezone": "Europe/Paris"},
        LATER | {"run_at": f"{YEAR}-07-01T10:00:00"},
        LATER | {"dst_gap": "SHIFT_BY_GAP"},
        {"endpoint": "sink", "trigger": "DELAYED", "run_at": first.json()["run_at"]},
    ]

    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    for other in others:
        answer = api.post(base, json=other, headers=key)
        assert (answer.status_code, problem_of(answer)["code"]) == (422, "idempotency_mismatch"), other


@pytest.mark.parametrize(
    ("body", "pointer", "hint"),
    [
        (LATER | {"timezone": None}, "/run_at", "Add timezone, such as Europe/Berlin, or write an offset"),
        (LATER | {"timezone": "Europe/Barlin"}, "/timezone", "Europe/Berlin"),
        (LATER | {"timezone": "CET"}, "/timezone", "Europe/Brussels"),
        (LATER | {"run_at": "2020-07-01T09:00:00"}, "/run_at", "later time"),
        (LATER | {"run_at": "2098-02-30T09:00:00"}, "/run_at", "RFC 3339"),
        (LATER | {"run_at": "3000-01-01T09:00:00"}, "/run_at", "1970 to 2999"),
        (LATER | {"run_at": "2098-07-01 09:00:00"}, "/run_at", "Write 2098-07-01T09:00:00 and a timezone"),
        (LATER | {"run_at": "2098-07-01T09:00"}, "/run_at", "Write 2098-07-01T09:00:00 and a timezone"),
        (LATER | {"run_at": "2098-07-01T09:00:00Z"}, "/timezone", "write run_at as a local time"),
        (
            LATER | {"run_at": "2098-07-01T09:00:00Z", "timezone": None, "dst_gap": "SHIFT"},
            "/dst_gap",
            "write run_at as a local time",
        ),
        (LATER | {"dst_gap": "SKIP"}, "/dst_gap", "SHIFT_BY_GAP"),
        (LATER | {"dst_overlap": "BOTH"}, "/dst_overlap", "the offset of the second time"),
        (LATER | {"jitter_seconds": 5}, "/jitter_seconds", "use trigger CRON"),
        (LATER | {"trigger": "IMMEDIATE", "timezone": None}, "/run_at", "use trigger DELAYED"),
        (LATER | {"trigger": "IMMEDIATE", "run_at": None}, "/timezone", "use trigger CRON"),
    ],
)
def test_what_cannot_run_at_a_local_time_is_refused_and_nothing_is_written(
    api: httpx.Client,
    workspace: str,
    shared_superuser: psycopg.Connection,
    body: dict[str, Any],
    pointer: str,
    hint: str,
) -> None:
    before = counts(shared_superuser)

    answer = api.post(
        f"/v1/workspaces/{workspace}/jobs", json={name: given for name, given in body.items() if given is not None}
    )

    (error,) = problem_of(answer)["errors"]
    assert (answer.status_code, error["pointer"]) == (422, pointer), error
    assert hint in error["hint"], error
    assert counts(shared_superuser) == before


def test_a_local_time_that_has_passed_is_said_with_its_instant(api: httpx.Client, workspace: str) -> None:
    problem = problem_of(api.post(f"/v1/workspaces/{workspace}/jobs", json=LATER | {"run_at": "2020-07-01T09:00:00"}))
    assert (
        problem["errors"][0]["detail"]
        == "2020-07-01T07:00:00+00:00 (2020-07-01T09:00:00 in Europe/Berlin) is in the past"
    )
