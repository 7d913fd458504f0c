"""Executions with extreme times or counts are shown like any other: by id, in lists, and in their jobs."""

from typing import Any

import httpx
import psycopg
import pytest

from api_answers import problem_of

# Ends an execution as finalize_executions does, with the test's times and counts.
_END = """
with ended as (
    delete from kronos.execution_live where job_id = %(job_id)s returning *
)
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
    status, status_reason,
                                   scheduled_at, run_at, created_at, started_at, completed_at, attempt_count,
                                       max_attempts, input)
select coalesce(%(execution_id)s, execution_id), workspace_id, job_id, endpoint_id, endpoint_version, cause,
       %(status)s, '{"code": "test"}',
       scheduled_at, run_at, created_at, %(started_at)s, %(completed_at)s, %(attempts)s, %(attempts)s, input
  from ended
returning execution_id::text
"""
_ENDED = {
    "execution_id": None,
    "status": "FAILED",
    "started_at": "2026-01-01T00:00:00Z",
    "completed_at": "2026-01-01T00:00:01Z",
    "attempts": 1,
}


def end(superuser: psycopg.Connection, job_id: str, **changed: Any) -> str:
    """Finish the job's only execution. Return its id."""
    row = superuser.execute(_END, {"job_id": job_id, **_ENDED, **changed}).fetchone()
    assert row is not None
    execution_id: str = row[0]
    return execution_id


@pytest.fixture
def job_id(api: httpx.Client, workspace: str) -> str:
    made: str = api.post(f"/v1/workspaces/{workspace}/jobs", json={"endpoint": "sink", "trigger": "IMMEDIATE"}).json()[
        "job_id"
    ]
    return made


def shown(api: httpx.Client, workspace: str, job_id: str, execution_id: str) -> list[dict[str, Any]]:
    """The execution, in each place where it is shown."""
    base = f"/v1/workspaces/{workspace}"
    job = api.get(f"{base}/jobs/{job_id}").json()
    (listed,) = api.get(f"{base}/jobs").json()["data"]
    assert listed == job
    return [
        api.get(f"{base}/executions/{execution_id}").json(),
        *api.get(f"{base}/executions").json()["data"],
        *api.get(f"{base}/jobs/{job_id}/executions").json()["data"],
        job["execution"],
    ]


@pytest.mark.parametrize(
    ("started_at", "completed_at", "duration_ms"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-27T00:00:00Z", 26 * 86_400_000),
        ("1970-01-01T00:00:00Z", "2970-01-01T00:00:00Z", 31_556_995_200_000),
        ("2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z", 0),
        (None, "2026-01-01T00:00:00Z", None),
    ],
)
def test_a_run_of_any_length_is_shown_everywhere(
    api: httpx.Client,
    workspace: str,
    shared_superuser: psycopg.Connection,
    job_id: str,
    started_at: str | None,
    completed_at: str,
    duration_ms: int | None,
) -> None:
    execution_id = end(shared_superuser, job_id, started_at=started_at, completed_at=completed_at)
    assert [each["duration_ms"] for each in shown(api, workspace, job_id, execution_id)] == [duration_ms] * 4


def test_a_one_shot_made_before_ids_were_computed_is_shown_in_its_job(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    body = {"endpoint": "sink", "trigger": "IMMEDIATE", "tags": ["with-a-row"]}  # without tags: no row in jobs
    job_id = api.post(f"/v1/workspaces/{workspace}/jobs", json=body).json()["job_id"]
    (other,) = shared_superuser.execute("select kronos.uuid7()::text").fetchone() or ("",)
    assert end(shared_superuser, job_id, execution_id=other) == other
    assert [each["execution_id"] for each in shown(api, workspace, job_id, other)] == [other] * 4


@pytest.mark.parametrize(("attempts", "most"), [(1, 6), (32_760, 32_765), (32_766, 32_767)])
def test_attempts_go_on_counting_up_to_what_can_be_counted(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, job_id: str, attempts: int, most: int
) -> None:
    execution_id = end(shared_superuser, job_id, attempts=attempts)
    retried = api.post(f"/v1/workspaces/{workspace}/executions/{execution_id}/retry")
    assert (retried.status_code, retried.json()["attempt_count"], retried.json()["max_attempts"]) == (
        200,
        attempts,
        most,
    )


def test_an_execution_that_has_used_up_all_that_can_be_counted_stays(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, job_id: str
) -> None:
    execution_id = end(shared_superuser, job_id, attempts=32_767)
    problem = problem_of(api.post(f"/v1/workspaces/{workspace}/executions/{execution_id}/retry"))
    assert (problem["status"], problem["code"]) == (409, "execution_not_retryable")
    assert [each["status"] for each in shown(api, workspace, job_id, execution_id)] == ["FAILED"] * 4
