"""One action on many jobs in one call, the glance at several jobs, and how a change would move a job's runs."""

import uuid
from typing import Any

import httpx
import psycopg
import pytest

from conftest import make_workspace
from sql_factory import values


@pytest.fixture
def jobs(api: httpx.Client, workspace: str) -> list[str]:
    """Twelve CRON jobs, half of them tagged, and a one-shot."""
    made = [
        {
            "endpoint": "sink", "trigger": "CRON", "name": f"job-{number}", "cron": "0 3 * * *",
            "tags": ["even"] if number % 2 == 0 else [],
        }
        for number in range(12)
    ]  # fmt: skip
    made.append({"endpoint": "sink", "trigger": "DELAYED", "run_at": "2999-01-01T00:00:00Z", "name": "later"})
    answered = api.post(f"/v1/workspaces/{workspace}/jobs:batch", json={"jobs": made})
    assert answered.status_code == 201, answered.text
    return [job["job_id"] for job in answered.json()["data"]]


def bulk(api: httpx.Client, workspace: str, answers: int = 200, /, **body: Any) -> Any:
    answered = api.post(f"/v1/workspaces/{workspace}/jobs:bulk", json=body)
    assert answered.status_code == answers, answered.text
    return answered.json()


def listed(api: httpx.Client, workspace: str, **filters: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/v1/workspaces/{workspace}/jobs", params={**filters, "limit": 200}).json()[
        "data"
    ]
    return found


def test_all_that_a_filter_lets_through_are_paused_in_steps_with_the_note(
    api: httpx.Client, workspace: str, jobs: list[str]
) -> None:
    asked: dict[str, Any] = {"action": "pause", "filter": {"tag": "even"}}
    assert bulk(api, workspace, **asked, validate_only=True) == {"count": 6, "is_more": False}
    assert listed(api, workspace, status="PAUSED") == []

    steps = [bulk(api, workspace, **asked, note="audit", limit=4)]
    while (cursor := steps[-1]["next_cursor"]) is not None:
        steps.append(bulk(api, workspace, **asked, note="audit", limit=4, cursor=cursor))

    assert ([step["done"] for step in steps], [step["refused"] for step in steps]) == ([4, 2], [[], []])
    paused = listed(api, workspace, status="PAUSED")
    assert {job["name"] for job in paused} == {f"job-{number}" for number in range(0, 12, 2)}
    assert {job["status_reason"]["note"] for job in paused} == {"audit"}
    assert bulk(api, workspace, **asked)["done"] == 0  # none are left
    assert bulk(api, workspace, action="resume", filter={})["done"] == 6
    assert listed(api, workspace, status="PAUSED") == []


def test_what_one_job_is_refused_is_reported_and_stops_no_other(
    api: httpx.Client, workspace: str, jobs: list[str]
) -> None:
    absent = str(uuid.uuid4())
    done = bulk(api, workspace, action="pause", jobs=["job-1", absent, "later", "job-3"])
    assert done["done"] == 2
    assert [(each["job"], each["code"]) for each in done["refused"]] == [
        (absent, "job_not_found"),
        ("later", "conflict"),
    ]
    assert done["next_cursor"] is None


def test_named_jobs_go_on_where_the_step_before_stopped(api: httpx.Client, workspace: str, jobs: list[str]) -> None:
    asked: dict[str, Any] = {"action": "cancel", "jobs": jobs[:5], "limit": 3}
    first = bulk(api, workspace, **asked)
    second = bulk(api, workspace, **asked, cursor=first["next_cursor"])
    assert (first["done"], second["done"], second["next_cursor"]) == (3, 2, None)
    assert {job["job_id"] for job in listed(api, workspace, status="RETIRED")} == set(jobs[:5])


def test_a_repeated_trigger_with_its_key_runs_no_job_twice(
    api: httpx.Client, workspace: str, jobs: list[str], shared_superuser: psycopg.Connection
) -> None:
    for _ in range(2):
        done = bulk(api, workspace, action="trigger", filter={"q": "job-1"}, idempotency_key="deploy")
        assert (done["done"], done["refused"]) == (3, [])
    runs = values(
        shared_superuser,
        "select job_id from kronos.executions where workspace = %s and cause = 'MANUAL'",
        [workspace],
    )
    assert sorted(map(str, runs)) == sorted([jobs[1], jobs[10], jobs[11]])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"action": "pause"}, ""),
        ({"action": "pause", "jobs": ["a"], "filter": {}}, ""),
        ({"action": "resume", "filter": {}, "note": "n"}, "/note"),
        ({"action": "pause", "filter": {}, "pause_until": "2020-01-01T00:00:00Z"}, "/pause_until"),
        ({"action": "delete", "filter": {}}, "/action"),
        ({"action": "cancel", "filter": {}, "idempotency_key": "k"}, "/idempotency_key"),
    ],
)
def test_a_body_that_says_no_bulk_is_refused(
    api: httpx.Client, workspace: str, body: dict[str, Any], pointer: str
) -> None:
    refused = bulk(api, workspace, 422, **body)
    assert [each["pointer"] for each in refused["errors"]] == [pointer]


def test_a_cursor_is_of_its_own_bulk(api: httpx.Client, workspace: str, jobs: list[str]) -> None:
    cursor = bulk(api, workspace, action="pause", filter={}, limit=1)["next_cursor"]
    assert bulk(api, workspace, 400, action="cancel", filter={}, cursor=cursor)["code"] == "invalid_request"


def test_another_workspaces_jobs_are_not_there(api: httpx.Client, workspace: str, jobs: list[str]) -> None:
    other = make_workspace(api)
    done = bulk(api, other, action="cancel", jobs=jobs[:1])
    assert [each["code"] for each in done["refused"]] == ["job_not_found"]
    assert api.get(f"/v1/workspaces/{workspace}/jobs/{jobs[0]}").json()["status"] == "ACTIVE"


def diff(api: httpx.Client, workspace: str, job: str, status: int = 200, **body: Any) -> Any:
    answered = api.post(f"/v1/workspaces/{workspace}/jobs/{job}/diff", json=body)
    assert answered.status_code == status, answered.text
    return answered.json()


def test_another_minute_moves_each_run_of_the_week(api: httpx.Client, workspace: str, jobs: list[str]) -> None:
    found = diff(api, workspace, "job-0", cron="30 3 * * *")
    assert (found["before"], found["after"]) == (7, 7)
    # Between 3:00 and 3:30, today's run is added and the last of the week is gone.
    assert (found["moved"], found["added"], found["removed"]) in ((7, 0, 0), (6, 1, 1))
    assert {(each["from_at"][10:], each["to_at"][10:]) for each in found["first_moved"]} == {
        ("T03:00:00Z", "T03:30:00Z")
    }
    assert (found["description_before"], found["description"]) == ("At 03:00", "At 03:30")
    assert api.get(f"/v1/workspaces/{workspace}/jobs/job-0").json()["cron"] == "0 3 * * *"


def test_a_week_of_every_minute_is_counted_and_the_first_are_listed(
    api: httpx.Client, workspace: str, jobs: list[str]
) -> None:
    found = diff(api, workspace, "job-0", cron="* * * * *")
    assert (found["before"], found["after"], found["added"], found["removed"]) == (7, 10080, 10073, 0)
    assert len(found["first_added"]) == 20


def test_an_end_removes_what_comes_after_it(api: httpx.Client, workspace: str, jobs: list[str]) -> None:
    assert diff(api, workspace, "job-0", max_runs=2)["removed"] == 5
    assert diff(api, workspace, "job-0", starts_at="2999-01-01T00:00:00Z")["removed"] == 7
    unchanged = diff(api, workspace, "job-0", tags=["x"])
    assert (unchanged["added"], unchanged["removed"], unchanged["moved"]) == (0, 0, 0)


def test_what_cannot_be_changed_has_no_difference(api: httpx.Client, workspace: str, jobs: list[str]) -> None:
    assert diff(api, workspace, "job-0", 422, cron="61 * * * *")["code"] == "invalid_cron"
    assert diff(api, workspace, "later", 409, cron="1 * * * *")["code"] == "job_not_updatable"
    assert diff(api, workspace, "absent", 404, cron="1 * * * *")["code"] == "job_not_found"


def test_a_glance_shows_runs_by_hand_and_of_the_versions_before(
    api: httpx.Client, workspace: str, jobs: list[str], shared_superuser: psycopg.Connection
) -> None:
    path = f"/v1/workspaces/{workspace}/jobs"
    run = api.post(f"{path}/job-0/trigger").json()["execution_id"]
    changed = api.patch(f"{path}/job-0", json={"title": "changed"}).json()["job_id"]
    answered = api.get(f"{path}:glance", params={"ids": f"{changed},{jobs[1]},{jobs[12]}"})
    assert answered.status_code == 200, answered.text
    first, second = answered.json()["data"]
    assert [(each["execution_id"], each["status"], each["cause"]) for each in first["runs"]] == [
        (run, "QUEUED", "MANUAL")
    ]
    assert (first["success_rate"], first["p95_ms"]) == (None, None)
    assert second == {"job_id": jobs[1], "overdue_since": None, "runs": [], "success_rate": None, "p95_ms": None}
    assert api.get(f"{path}:glance", params={"ids": "x"}).status_code == 400


def test_a_sentence_becomes_a_schedule(api: httpx.Client) -> None:
    answered = api.post("/v1/schedules/parse", json={"sentence": "every weekday at 9:30", "count": 1})
    assert answered.status_code == 200, answered.text
    assert (answered.json()["cron"], answered.json()["preview"]["description"]) == (
        "30 9 * * 1-5",
        "At 09:30 on Monday through Friday",
    )
    refused = api.post("/v1/schedules/parse", json={"sentence": "every blue moon at 9"}).json()
    assert [(each["pointer"], "blue moon" in each["detail"]) for each in refused["errors"]] == [("/sentence", True)]
