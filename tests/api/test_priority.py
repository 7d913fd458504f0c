"""The priority of jobs, manual runs and backfills: set, stored, changed, shown, and passed to their executions."""

from typing import Any

import httpx
import psycopg
import pytest

from conftest import minute_with_time_left

NOW = {"endpoint": "sink", "trigger": "IMMEDIATE"}
CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "0 3 * * *"}


def made(api: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    response = api.post(f"/v1/workspaces/{path}", json=body)
    assert response.is_success, response.text
    document: dict[str, Any] = response.json()
    return document


def waiting(superuser: psycopg.Connection, job_id: str) -> list[int | None]:
    """The priorities in the rows of a job's unfinished executions."""
    rows = superuser.execute("select priority from kronos.execution_live where job_id = %s order by 1", [job_id])
    return [row[0] for row in rows.fetchall()]


@pytest.mark.parametrize("more", [{}, {"name": "named"}, {"trigger": "DELAYED", "run_at": "2099-01-01T00:00:00Z"}])
def test_a_one_shot_has_the_priority_that_it_was_given(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, more: dict[str, Any]
) -> None:
    job = made(api, f"{workspace}/jobs", **(NOW | more), priority=-7)
    plain = made(api, f"{workspace}/jobs", **(NOW | more | ({"name": "other"} if "name" in more else {})))
    assert (job["priority"], plain["priority"]) == (-7, 0)
    assert waiting(shared_superuser, job["job_id"]) == [-7]
    assert waiting(shared_superuser, plain["job_id"]) == [None]
    assert api.get(f"/v1/workspaces/{workspace}/jobs/{job['job_id']}").json()["priority"] == -7


def test_each_job_of_a_batch_has_its_own(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    jobs = [NOW | {"priority": 4}, NOW, NOW | {"priority": -4, "idempotency_key": "k"}, CRON | {"priority": 1}]
    data = made(api, f"{workspace}/jobs:batch", jobs=jobs)["data"]
    assert [job["priority"] for job in data] == [4, 0, -4, 1]
    assert [waiting(shared_superuser, job["job_id"]) for job in data] == [[4], [None], [-4], []]


def test_a_cron_jobs_priority_is_changed_for_what_is_to_come(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    job = made(api, f"{workspace}/jobs", **CRON, name="nightly", priority=2)
    made(api, f"{workspace}/jobs/nightly/trigger")
    changed = api.patch(f"/v1/workspaces/{workspace}/jobs/nightly", json={"priority": -3}).json()
    kept = api.patch(f"/v1/workspaces/{workspace}/jobs/nightly", json={"title": "Nightly"}).json()
    assert (job["priority"], changed["priority"], kept["priority"]) == (2, -3, -3)
    made(api, f"{workspace}/jobs/nightly/trigger")
    made(api, f"{workspace}/jobs/nightly/trigger", priority=9)
    made(api, f"{workspace}/jobs/nightly/trigger", priority=0)
    assert waiting(shared_superuser, job["job_id"]) == [2]
    assert waiting(shared_superuser, kept["job_id"]) == [-3, 9, None]


def test_a_tick_and_a_run_that_may_not_overlap_have_the_jobs(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    job = made(api, f"{workspace}/jobs", **CRON, overlap="QUEUE", priority=6)
    tick = minute_with_time_left(shared_superuser)
    shared_superuser.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [tick, job["job_id"]])
    shared_superuser.execute("select kronos.fire(%s)", [job["job_id"]])
    made(api, f"{workspace}/jobs/{job['job_id']}/trigger", priority=8)
    assert waiting(shared_superuser, job["job_id"]) == [6, 8]


@pytest.mark.parametrize(("asked", "has"), [({}, 6), ({"priority": -9}, -9), ({"priority": 0}, None)])
def test_a_backfills_runs_have_its_priority_or_the_jobs(
    api: httpx.Client,
    workspace: str,
    shared_superuser: psycopg.Connection,
    asked: dict[str, int],
    has: int | None,
) -> None:
    job = made(api, f"{workspace}/jobs", **CRON, priority=6)
    window = {"from": "2026-11-01T00:00:00Z", "to": "2026-11-03T00:00:00Z"}
    backfill = made(api, f"{workspace}/jobs/{job['job_id']}/backfill", **window, **asked)
    assert (backfill["priority"], waiting(shared_superuser, job["job_id"])) == (has or 0, [has, has])


@pytest.mark.parametrize("wrong", [11, -11, 1.5, "5", True])
@pytest.mark.parametrize("path", ["jobs/j", "jobs/j/trigger", "jobs/j/backfill"])
def test_a_priority_out_of_bounds_is_refused_with_a_hint(
    api: httpx.Client, workspace: str, path: str, wrong: object
) -> None:
    window = {"from": "2026-11-01T00:00:00Z", "to": "2026-11-03T00:00:00Z"} if path.endswith("backfill") else {}
    response = api.request(
        "PATCH" if path == "jobs/j" else "POST",
        f"/v1/workspaces/{workspace}/{path}",
        json={**window, "priority": wrong},
    )
    (fault,) = response.json()["errors"]
    assert (response.status_code, fault["pointer"]) == (422, "/priority")
    assert fault["hint"]
