"""Operations over all jobs that match a filter, run after the request: counted, started once, processed, cancelled,
rejected.
"""

import uuid
from typing import Any

import httpx
import psycopg
import pytest

from conftest import await_condition, holding, make_workspace
from factory import add_key
from job_operations import rest, work_off
from sql_factory import records, values


@pytest.fixture
def jobs(api: httpx.Client, workspace: str) -> list[str]:
    """Six CRON jobs, half of them tagged, and a one-shot."""
    made: list[dict[str, Any]] = [
        {
            "endpoint": "sink", "trigger": "CRON", "name": f"job-{number}", "cron": "0 3 * * *",
            "tags": ["even"] if number % 2 == 0 else [],
        }
        for number in range(6)
    ]  # fmt: skip
    made.append({"endpoint": "sink", "trigger": "DELAYED", "run_at": "2999-01-01T00:00:00Z", "name": "later"})
    answered = api.post(f"/v1/workspaces/{workspace}/jobs:batch", json={"jobs": made})
    assert answered.status_code == 201, answered.text
    return [job["job_id"] for job in answered.json()["data"]]


def begin(
    api: httpx.Client, workspace: str, answers: int = 202, /, *, key: str | None = None, **body: Any
) -> dict[str, Any]:
    headers = {} if key is None else {"Idempotency-Key": key}
    answered = api.post(f"/v1/workspaces/{workspace}/operations", json=body, headers=headers)
    assert answered.status_code == answers, answered.text
    found: dict[str, Any] = answered.json()
    if answers == 202:
        assert answered.headers["Location"] == f"/v1/workspaces/{workspace}/operations/{found['operation_id']}"
    return found


def look(api: httpx.Client, begun: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/v1/workspaces/{begun['workspace']}/operations/{begun['operation_id']}").json()
    return found


def ended(api: httpx.Client, superuser: psycopg.Connection, begun: dict[str, Any]) -> dict[str, Any]:
    work_off(superuser, lambda: look(api, begun)["status"] != "RUNNING")
    return look(api, begun)


def workspace_id_of(superuser: psycopg.Connection, workspace: str) -> uuid.UUID:
    (found,) = values(superuser, "select workspace_id from kronos.workspaces where slug = %s", [workspace])
    assert isinstance(found, uuid.UUID)
    return found


def statuses(api: httpx.Client, workspace: str) -> dict[str, str]:
    found = api.get(f"/v1/workspaces/{workspace}/jobs", params={"limit": 200}).json()["data"]
    return {job["name"]: job["status"] for job in found}


def test_all_that_a_filter_lets_through_are_paused_behind_the_request(
    api: httpx.Client, workspace: str, jobs: list[str], shared_superuser: psycopg.Connection
) -> None:
    begun = begin(api, workspace, action="pause", filter={"tag": "even"}, note="audit", at_most=3)
    assert (begun["kind"], begun["status"], begun["total"], begun["filter"]) == ("PAUSE", "RUNNING", 3, {"tag": "even"})
    assert set(statuses(api, workspace).values()) == {"ACTIVE"}
    done = ended(api, shared_superuser, begun)
    assert (done["status"], done["done"], done["failed"], done["refused"]) == ("COMPLETED", 3, 0, [])
    paused = api.get(f"/v1/workspaces/{workspace}/jobs", params={"status": "PAUSED"}).json()["data"]
    assert {job["name"] for job in paused} == {"job-0", "job-2", "job-4"}
    assert {job["status_reason"]["note"] for job in paused} == {"audit"}
    actors = {job["status_reason"]["actor"] for job in paused}
    noted = records(
        shared_superuser,
        "select distinct actor from (select actor, object_id from kronos.audit"
        " union all select actor, object_id from kronos.audit_pending) as audit where object_id = any (%s)",
        [[job["job_id"] for job in paused]],
    )
    assert {row["actor"] for row in noted} == actors
    (listed,) = api.get(f"/v1/workspaces/{workspace}/operations").json()["data"]
    assert listed == done
    assert ended(api, shared_superuser, begin(api, workspace, action="resume", filter={}))["done"] == 3
    assert set(statuses(api, workspace).values()) == {"ACTIVE"}


def test_a_key_begins_one_operation_though_fewer_match_by_now(
    api: httpx.Client, workspace: str, jobs: list[str], shared_superuser: psycopg.Connection
) -> None:
    first = begin(api, workspace, key="deploy", action="trigger", filter={}, at_most=6)
    ended(api, shared_superuser, first)
    again = begin(api, workspace, key="deploy", action="trigger", filter={}, at_most=5)
    assert again["operation_id"] == first["operation_id"]
    runs = "select job_id from kronos.executions where workspace = %s and cause = 'MANUAL'"
    assert sorted(map(str, values(shared_superuser, runs, [workspace]))) == sorted(jobs[:6])
    refused = begin(api, workspace, 422, key="deploy", action="cancel", filter={})
    assert refused["code"] == "idempotency_mismatch"


def test_where_more_match_than_were_counted_nothing_is_begun(
    api: httpx.Client, workspace: str, jobs: list[str]
) -> None:
    refused = begin(api, workspace, 409, action="cancel", filter={}, at_most=6)
    assert [each["pointer"] for each in refused["errors"]] == ["/at_most"]
    assert "7 jobs match" in refused["detail"]
    assert api.get(f"/v1/workspaces/{workspace}/operations").json()["data"] == []


def test_what_is_made_meanwhile_and_anothers_jobs_are_none_of_them(
    api: httpx.Client, workspace: str, jobs: list[str], shared_superuser: psycopg.Connection
) -> None:
    other = make_workspace(api)
    theirs = {"endpoint": "sink", "trigger": "CRON", "name": "theirs", "cron": "0 3 * * *"}
    assert api.post(f"/v1/workspaces/{other}/jobs", json=theirs).status_code == 201
    begun = begin(api, workspace, action="cancel", filter={})
    late = api.post(f"/v1/workspaces/{workspace}/jobs", json={**theirs, "name": "late"})
    assert late.status_code == 201
    assert ended(api, shared_superuser, begun)["done"] == 7
    assert {name for name, status in statuses(api, workspace).items() if status == "ACTIVE"} == {"late"}
    assert statuses(api, other) == {"theirs": "ACTIVE"}


def test_a_cancelled_operation_leaves_the_others_as_they_are(
    api: httpx.Client, workspace: str, jobs: list[str], shared_superuser: psycopg.Connection
) -> None:
    begun = begin(api, workspace, action="pause", filter={}, per_second=4)
    work_off(shared_superuser, lambda: look(api, begun)["done"])
    path = f"/v1/workspaces/{workspace}/operations/{begun['operation_id']}/cancel"
    assert api.post(path).json()["status"] == "CANCELLED"
    rest(shared_superuser)
    done = look(api, begun)
    assert 0 < done["done"] < 6
    assert list(statuses(api, workspace).values()).count("PAUSED") == done["done"]


def test_what_one_job_is_refused_is_told_and_stops_no_other(
    api: httpx.Client, workspace: str, jobs: list[str], shared_superuser: psycopg.Connection
) -> None:
    calling = {"endpoint": "sink", "trigger": "CRON", "name": "calling", "cron": "0 3 * * *", "tags": ["odd"]}
    made = api.post(f"/v1/workspaces/{workspace}/jobs", json={**calling, "on_success": {"job": "job-2"}})
    assert made.status_code == 201, made.text
    done = ended(api, shared_superuser, begin(api, workspace, action="cancel", filter={"tag": "even"}))
    assert (done["done"], done["failed"], done["failures"]) == (2, 1, {"job_in_use": 1})
    assert [(each["job"], each["code"]) for each in done["refused"]] == [(jobs[2], "job_in_use")]


def test_it_waits_for_a_suspended_workspace_and_ends_with_a_deleted_one(
    api: httpx.Client, workspace: str, jobs: list[str], shared_superuser: psycopg.Connection
) -> None:
    first = begin(api, workspace, action="pause", filter={"tag": "even"})
    path = f"/v1/workspaces/{workspace}"
    assert api.patch(path, json={"status": "SUSPENDED"}).status_code == 200
    rest(shared_superuser)
    assert look(api, first)["done"] == 0
    assert api.patch(path, json={"status": "ACTIVE"}).status_code == 200
    assert ended(api, shared_superuser, first)["done"] == 3
    last = begin(api, workspace, action="cancel", filter={})
    assert api.delete(path, params={"confirm": workspace}).status_code in (200, 202)
    rest(shared_superuser)
    there = "select operation_id from kronos.operations where operation_id = %s"

    def is_gone() -> bool:
        shared_superuser.execute("select kronos.delete_further(clock_timestamp() + interval '1 s')")
        return values(shared_superuser, there, [last["operation_id"]]) == []

    await_condition(is_gone, "the workspace to be gone")


def test_the_instances_status_tells_of_it(api: httpx.Client, workspace: str, jobs: list[str]) -> None:
    begin(api, workspace, action="pause", filter={})
    steps = api.get("/v1/system/status").json()["steps"]
    assert [(each["kind"], each["remaining"]) for each in steps if each["workspace"] == workspace] == [("PAUSE", 6)]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"action": "pause"}, "/filter"),
        ({"action": "resume", "filter": {}, "note": "n"}, "/note"),
        ({"action": "pause", "filter": {}, "pause_until": "2020-01-01T00:00:00Z"}, "/pause_until"),
        ({"action": "delete", "filter": {}}, "/action"),
        ({"action": "cancel", "filter": {}, "jobs": ["a"]}, "/jobs"),
    ],
)
def test_a_body_that_says_no_operation_is_refused(
    api: httpx.Client, workspace: str, body: dict[str, Any], pointer: str
) -> None:
    assert [each["pointer"] for each in begin(api, workspace, 422, **body)["errors"]] == [pointer]


def test_a_viewer_begins_none(api: httpx.Client, workspace: str, jobs: list[str]) -> None:
    made = api.post(f"/v1/workspaces/{workspace}/keys", json={"role": "viewer"}).json()["key"]
    answered = api.post(
        f"/v1/workspaces/{workspace}/operations",
        json={"action": "cancel", "filter": {}},
        headers={"Authorization": f"Bearer {made}", "Idempotency-Key": uuid.uuid4().hex},
    )
    assert (answered.status_code, set(statuses(api, workspace).values())) == (403, {"ACTIVE"})


def test_an_operation_goes_no_further_than_the_key_that_began_it(
    api: httpx.Client, workspace: str, jobs: list[str], shared_superuser: psycopg.Connection
) -> None:
    with holding(api, add_key(shared_superuser, workspace, "operator")) as operator:
        begun = begin(operator, workspace, action="pause", filter={}, per_second=4)
        redrive = operator.post(f"/v1/workspaces/{workspace}/dead-letters/redrive", json={"error_type": "none_such"})
        assert redrive.status_code == 202, redrive.text
    work_off(shared_superuser, lambda: look(api, begun)["done"])
    (key_id,) = values(
        shared_superuser,
        "select key_id from kronos.api_keys where workspace_id = %s and role = 'operator'",
        [workspace_id_of(shared_superuser, workspace)],
    )
    revoked = api.delete(f"/v1/workspaces/{workspace}/keys/{key_id}")
    assert revoked.status_code == 204, revoked.text
    work_off(shared_superuser, lambda: look(api, begun)["status"] != "RUNNING")
    found = look(api, begun)
    assert found["status"] == "CANCELLED"
    assert found["status_reason"]["code"] == "caller_ended"
    assert "was revoked" in found["status_reason"]["detail"]
    assert 0 < found["done"] < 6
    assert list(statuses(api, workspace).values()).count("PAUSED") == found["done"]
    shared_superuser.execute("select kronos.advance_operations(1000)")
    assert look(api, redrive.json())["status_reason"]["code"] == "caller_ended"
