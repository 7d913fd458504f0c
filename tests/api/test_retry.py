"""A run that is retried by hand goes to its endpoint's current version, or to the version that it had; its attempts
record which.
"""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from api_answers import problem_of
from conftest import Api
from factory import EndpointRow
from worker.protocol import as_worker, claim, finalize

CORRECTED = {
    "type": "HTTP",
    "spec": {"url": "https://example.com/right", "timeout_ms": 9000},
    "retry_policy": {"max_attempts": 7},
}


@pytest.fixture(scope="module")
def worker(shared_api: Api) -> Iterator[psycopg.Connection]:
    with as_worker(shared_api.database_url) as connection:
        yield connection


def immediate(api: httpx.Client, base: str) -> str:
    made = api.post(f"{base}/jobs", json={"endpoint": "target", "trigger": "IMMEDIATE"})
    return str(made.json()["execution"]["execution_id"])


def delayed(api: httpx.Client, base: str) -> str:
    made = api.post(f"{base}/jobs", json={"endpoint": "target", "trigger": "DELAYED", "run_at": "2099-01-01T00:00:00Z"})
    return str(made.json()["execution"]["execution_id"])


def manual(api: httpx.Client, base: str) -> str:
    job = api.post(f"{base}/jobs", json={"endpoint": "target", "trigger": "CRON", "cron": "0 0 1 1 *"}).json()["job_id"]
    return str(api.post(f"{base}/jobs/{job}/trigger").json()["execution_id"])


def backfilled(api: httpx.Client, base: str) -> str:
    job = api.post(f"{base}/jobs", json={"endpoint": "target", "trigger": "CRON", "cron": "0 0 1 1 *"}).json()["job_id"]
    window = {"from": "2024-01-01T00:00:00Z", "to": "2024-01-02T00:00:00Z"}
    assert api.post(f"{base}/jobs/{job}/backfill", json=window).status_code == 202
    (run,) = [run for run in api.get(f"{base}/executions").json()["data"] if run["cause"] == "BACKFILL"]
    return str(run["execution_id"])


@pytest.fixture
def base(api: httpx.Client, workspace: str) -> str:
    path = f"/v1/workspaces/{workspace}"
    wrong = {
        "name": "target",
        "type": "HTTP",
        "spec": {"url": "https://example.com/wrong"},
        "retry_policy": {"max_attempts": 2},
    }
    assert api.post(f"{path}/endpoints", json=wrong).status_code == 201
    return path


@pytest.fixture
def fail(
    api: httpx.Client, base: str, shared_superuser: psycopg.Connection, worker: psycopg.Connection
) -> Callable[[str], None]:
    """Run one attempt that ends the execution FAILED."""

    def failed(execution_id: str) -> None:
        shared_superuser.execute(
            "update kronos.execution_live set visible_at = now() where execution_id = %s", [execution_id]
        )
        row = shared_superuser.execute(
            "select endpoint_id, workspace_id from kronos.execution_live where execution_id = %s", [execution_id]
        ).fetchone()
        assert row is not None
        target = EndpointRow(endpoint_id=row[0], workspace_id=row[1], timeout_ms=0, max_attempts=0, max_crashes=0)
        token, claimed = claim(worker, target)
        assert claimed == [UUID(execution_id)]
        assert finalize(worker, token, claimed, "PERMANENT") == {UUID(execution_id): "FAILED"}

    return failed


@pytest.fixture(params=[immediate, delayed, manual, backfilled])
def failed(request: pytest.FixtureRequest, api: httpx.Client, base: str, fail: Callable[[str], None]) -> str:
    """A run that FAILED with the endpoint's first version; the endpoint was corrected since."""
    execution_id: str = request.param(api, base)
    fail(execution_id)
    assert api.put(f"{base}/endpoints/target", json=CORRECTED).json()["version"] == 2
    return execution_id


def versions(api: httpx.Client, base: str, execution_id: str) -> list[int | None]:
    return [
        attempt["endpoint_version"] for attempt in api.get(f"{base}/executions/{execution_id}/attempts").json()["data"]
    ]


@pytest.mark.parametrize("body", [None, {}, {"endpoint_version": "latest"}])
def test_it_goes_to_the_endpoint_as_it_is_now(
    api: httpx.Client,
    base: str,
    failed: str,
    fail: Callable[[str], None],
    shared_superuser: psycopg.Connection,
    body: dict[str, Any] | None,
) -> None:
    retried = api.post(f"{base}/executions/{failed}/retry", json=body)
    assert (retried.status_code, retried.json()["execution_id"], retried.json()["status"]) == (200, failed, "RETRYING")
    assert (retried.json()["attempt_count"], retried.json()["max_attempts"]) == (1, 8), (
        "as many more as the current version allows"
    )
    row = shared_superuser.execute(
        "select timeout_ms from kronos.execution_live where execution_id = %s", [failed]
    ).fetchone()
    assert row == (9000,)
    fail(failed)
    assert versions(api, base, failed) == [1, 2]


def test_it_goes_where_it_went_before_if_that_is_asked_for(
    api: httpx.Client, base: str, failed: str, fail: Callable[[str], None], shared_superuser: psycopg.Connection
) -> None:
    retried = api.post(f"{base}/executions/{failed}/retry", json={"endpoint_version": "same"})
    assert (retried.status_code, retried.json()["max_attempts"]) == (200, 3)
    fail(failed)
    assert versions(api, base, failed) == [1, 1]


def test_any_other_version_is_refused_and_nothing_is_done(api: httpx.Client, base: str, failed: str) -> None:
    for name, value in (("endpoint_version", "newest"), ("endpoint_version", 2), ("endpoint_version", None)):
        is_refused(api, base, failed, {name: value})
    is_refused(api, base, failed, {"version": "same"})


def is_refused(api: httpx.Client, base: str, failed: str, body: dict[str, Any]) -> None:
    problem = problem_of(api.post(f"{base}/executions/{failed}/retry", json=body))
    assert problem["status"] == 422, body
    assert problem["errors"][0]["pointer"] in ("/endpoint_version", "/version")
    assert api.get(f"{base}/executions/{failed}").json()["status"] == "FAILED", body


def test_where_the_endpoint_was_deleted_a_sentence_says_so(
    api: httpx.Client, base: str, fail: Callable[[str], None], shared_superuser: psycopg.Connection
) -> None:
    execution_id = immediate(api, base)
    fail(execution_id)
    assert api.delete(f"{base}/endpoints/target").status_code == 204
    for choice in ("latest", "same"):
        problem = problem_of(api.post(f"{base}/executions/{execution_id}/retry", json={"endpoint_version": choice}))
        assert (problem["status"], problem["code"]) == (409, "execution_not_retryable")
        assert problem["detail"] == f"the endpoint of execution {execution_id} was deleted: it cannot be retried"
    assert api.get(f"{base}/executions/{execution_id}").json()["status"] == "FAILED"


def test_failed_ticks_are_counted_and_taken_by_a_backfill(
    api: httpx.Client, base: str, fail: Callable[[str], None]
) -> None:
    first = backfilled(api, base)
    fail(first)
    (job,) = api.get(f"{base}/jobs").json()["data"]
    window = {"from": "2023-01-01T00:00:00Z", "to": "2025-01-01T00:00:00Z"}
    path = f"{base}/jobs/{job['job_id']}/backfill"
    counted = {
        include: api.post(path, json=window | {"include": list(include), "validate_only": True}).json()
        for include in (("FAILED",), ("MISSED",), ("MISSED", "FAILED"))
    }
    assert [(each["ticks"], each["left_out"], each["to_run"], each["redriven"]) for each in counted.values()] == [
        (2, 1, 1, 1),
        (2, 1, 1, 0),
        (2, 0, 2, 1),
    ]
    made = api.post(path, json=window | {"include": ["FAILED", "FAILED"]}).json()
    assert (made["include"], made["created"], made["redriven"], made["left_out"]) == (["FAILED"], 0, 1, 1)
    assert api.get(f"{base}/executions/{first}").json()["status"] == "RETRYING"
    fail(first)
    assert api.get(f"{base}/backfills/{made['backfill_id']}").json()["progress"]["failed"] == 1


def test_what_cannot_be_taken_is_refused(api: httpx.Client, base: str) -> None:
    backfilled(api, base)
    (job,) = api.get(f"{base}/jobs").json()["data"]
    includes: list[Any] = [[], ["SUCCESS"], ["failed"], "FAILED", None, ["FAILED"] * 5]
    for include in includes:
        body = {"from": "2023-01-01T00:00:00Z", "to": "2025-01-01T00:00:00Z", "include": include}
        problem = problem_of(api.post(f"{base}/jobs/{job['job_id']}/backfill", json=body))
        assert (problem["status"], problem["errors"][0]["pointer"][:8]) == (422, "/include"), include
