"""deadline_seconds of jobs of each kind: stored, shown, changed, and applied to the executions that they make."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

_DEADLINE = "select deadline_at from kronos.execution_live where execution_id = %s"


def _post(api: httpx.Client, workspace: str, **body: Any) -> dict[str, Any]:
    answer = api.post(f"/v1/workspaces/{workspace}/jobs", json={"endpoint": "sink", **body})
    assert answer.status_code in (200, 201), answer.text
    made: dict[str, Any] = answer.json()
    return made


def _deadline_at(su: psycopg.Connection, execution_id: str) -> datetime | None:
    row = su.execute(_DEADLINE, [execution_id]).fetchone()
    assert row is not None
    at: datetime | None = row[0]
    return at


@pytest.mark.parametrize(
    "body",
    [
        {"trigger": "IMMEDIATE"},
        {"trigger": "DELAYED", "run_at": "2098-01-01T00:00:00Z"},
        {"trigger": "DELAYED", "run_at": "2098-01-01T00:00:00", "timezone": "Europe/Berlin"},
        {"trigger": "IMMEDIATE", "name": "named", "idempotency_key": "k"},
    ],
    ids=["immediate", "delayed", "local", "keyed"],
)
def test_a_one_shots_counts_from_its_time(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, body: dict[str, Any]
) -> None:
    job = _post(api, workspace, **body, deadline_seconds=600)
    run = job["execution"]
    at = datetime.fromisoformat(run["scheduled_at"])
    assert (job["deadline_seconds"], _deadline_at(shared_superuser, run["execution_id"])) == (
        600,
        at + timedelta(seconds=600),
    )
    shown = api.get(f"/v1/workspaces/{workspace}/jobs/{job['job_id']}").json()
    assert (shown["deadline_seconds"], shown["job_id"]) == (600, job["job_id"])
    (listed,) = api.get(f"/v1/workspaces/{workspace}/jobs").json()["data"]
    assert listed["deadline_seconds"] == 600


@pytest.mark.parametrize("overlap", ["ALLOW", "QUEUE"])
def test_a_run_by_hand_has_its_own_or_the_jobs(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, overlap: str
) -> None:
    job = _post(api, workspace, trigger="CRON", cron="0 3 1 1 *", deadline_seconds=600, overlap=overlap)
    path, key = f"/v1/workspaces/{workspace}/jobs/{job['job_id']}/trigger", {"Idempotency-Key": f"k-{overlap}"}
    for body, seconds in (({}, 600), ({"deadline_seconds": 60, "priority": 3}, 60)):
        run = api.post(path, json=body, headers=key if body else {}).json()
        due_at = datetime.fromisoformat(run["scheduled_at"])
        assert _deadline_at(shared_superuser, run["execution_id"]) == due_at + timedelta(seconds=seconds)
    again = api.post(path, json={"deadline_seconds": 60, "priority": 3}, headers=key)
    assert (again.json()["execution_id"], again.headers["Idempotent-Replayed"]) == (run["execution_id"], "true")
    other = api.post(path, json={"deadline_seconds": 61, "priority": 3}, headers=key).json()
    assert other["code"] == "idempotency_mismatch"
    (fault,) = api.post(path, json={"deadline_seconds": 0}).json()["errors"]
    assert fault["pointer"] == "/deadline_seconds"


def test_a_job_without_one_is_its_execution_as_before(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    job = _post(api, workspace, trigger="IMMEDIATE")
    assert (job["deadline_seconds"], job["execution"]["execution_id"]) == (None, job["job_id"])
    assert _deadline_at(shared_superuser, job["job_id"]) is None


def test_a_cron_jobs_is_changed_and_taken_away_and_is_on_the_runs_that_are_made_by_hand(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    job = _post(api, workspace, trigger="CRON", cron="0 3 * * *", name="nightly", deadline_seconds=60)
    base = f"/v1/workspaces/{workspace}/jobs/nightly"
    run = api.post(f"{base}/trigger").json()
    made = datetime.fromisoformat(run["scheduled_at"])
    assert _deadline_at(shared_superuser, run["execution_id"]) == made + timedelta(seconds=60)
    assert api.patch(base, json={"title": "kept"}).json()["deadline_seconds"] == 60
    assert api.patch(base, json={"deadline_seconds": 7200, "overlap": "QUEUE"}).json()["deadline_seconds"] == 7200
    copy = api.get(base).json()
    assert api.patch(base, json={**copy, "title": "a copy"}).json()["deadline_seconds"] == 7200
    held = api.post(f"{base}/trigger").json()
    assert _deadline_at(shared_superuser, held["execution_id"]) == (
        datetime.fromisoformat(held["scheduled_at"]) + timedelta(seconds=7200)
    )
    assert api.patch(base, json={"deadline_seconds": None}).json()["deadline_seconds"] is None
    assert [each["deadline_seconds"] for each in api.get(f"{base}/versions").json()["data"]][-1] == 60
    assert job["deadline_seconds"] == 60


def test_a_batch_takes_it_of_each_job(api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection) -> None:
    jobs = [{"endpoint": "sink", "trigger": "IMMEDIATE", "deadline_seconds": seconds} for seconds in (None, 30, None)]
    answer = api.post(f"/v1/workspaces/{workspace}/jobs:batch", json={"jobs": jobs})
    assert answer.status_code == 201, answer.text
    made = answer.json()["data"]
    assert [each["deadline_seconds"] for each in made] == [None, 30, None]
    assert {frozenset(each) for each in made} == {frozenset(made[0])}
    found = [_deadline_at(shared_superuser, each["execution"]["execution_id"]) is None for each in made]
    assert found == [True, False, True]


@pytest.mark.parametrize("seconds", [0, -1, 2_678_401, 1.5, "60", True])
def test_what_is_none_is_refused_where_it_stands(api: httpx.Client, workspace: str, seconds: object) -> None:
    body = {"endpoint": "sink", "trigger": "IMMEDIATE", "deadline_seconds": seconds}
    refused = api.post(f"/v1/workspaces/{workspace}/jobs", json=body)
    assert refused.status_code == 422
    (fault,) = refused.json()["errors"]
    assert (fault["pointer"], bool(fault["hint"])) == ("/deadline_seconds", True)
    assert api.get(f"/v1/workspaces/{workspace}/jobs").json()["data"] == []


def test_one_that_expired_is_listed_explained_and_retried_by_hand(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    job = _post(api, workspace, trigger="IMMEDIATE", deadline_seconds=600)
    execution = job["execution"]["execution_id"]
    base = f"/v1/workspaces/{workspace}"
    waits = api.get(f"{base}/jobs/{job['job_id']}/explain").json()
    assert (waits["decision"], "its deadline, it expires" in waits["because"]) == ("WAITING", True)
    shared_superuser.execute(
        "update kronos.execution_live set deadline_at = kronos.now() where execution_id = %s", [execution]
    )
    shared_superuser.execute("select kronos.expire_deadlines(1000)")
    (listed,) = api.get(f"{base}/executions", params={"status": "EXPIRED"}).json()["data"]
    assert (listed["execution_id"], listed["status_reason"]["code"]) == (execution, "deadline_passed")
    assert api.get(f"{base}/dead-letters").json()["data"] == []
    explained = api.get(f"{base}/jobs/{job['job_id']}/explain").json()
    assert (explained["decision"], explained["code"]) == ("MISSED", "expired")
    assert "not delivered before its deadline" in explained["because"]
    assert api.get(f"{base}/jobs/{job['job_id']}").json()["status"] == "COMPLETED"
    again = api.post(f"{base}/executions/{execution}/retry")
    assert (again.status_code, again.json()["status"]) == (200, "QUEUED")
    assert _deadline_at(shared_superuser, execution) is not None


def test_one_that_is_being_cancelled_says_so(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    job = _post(api, workspace, trigger="IMMEDIATE")
    execution = job["execution"]["execution_id"]
    shared_superuser.execute(
        "update kronos.execution_live set claim_token = %s, worker_id = 'w', claimed_at = now(), started_at = now(),"
        " attempt_count = 1, visible_at = now() + interval '1 hour' where execution_id = %s",
        [uuid.uuid4(), execution],
    )
    base = f"/v1/workspaces/{workspace}"
    for _ in range(2):  # the same again
        told = api.post(f"{base}/executions/{execution}/cancel")
        assert (told.status_code, told.json()["status"], told.json()["status_reason"]["code"]) == (
            202,
            "RUNNING",
            "cancelling",
        )
    explained = api.get(f"{base}/jobs/{job['job_id']}/explain").json()
    assert (explained["decision"], explained["code"]) == ("RUNNING", "cancelling")
