"""Alert rules and incidents over the API: who may do what to them, and what is rejected."""

import uuid
from typing import Any

import httpx
import psycopg
import pytest

from alert_rows import add_incident
from api_answers import problem_of
from conftest import holding, make_workspace
from factory import add_key

FAILURES = {"type": "FAILURES", "count": 3}


@pytest.fixture
def rules(workspace: str) -> str:
    return f"/v1/workspaces/{workspace}/alert-rules"


@pytest.fixture
def incidents(workspace: str) -> str:
    return f"/v1/workspaces/{workspace}/incidents"


def test_a_rule_is_made_read_changed_and_deleted(api: httpx.Client, workspace: str, rules: str) -> None:
    body = {"name": "nightly", "condition": FAILURES, "selects": {"endpoint": "sink"}, "tell": ["sink"]}
    made = api.post(rules, json=body)
    assert made.status_code == 201, made.text
    rule = made.json()
    assert made.headers["Location"].endswith(f"{rules}/nightly")
    defaults = {"per": "JOB", "severity": "ERROR", "recovered": True, "repeat_seconds": None, "enabled": True}
    assert rule == body | defaults | {
        "workspace": workspace,
        "version": 1,
        "created_at": rule["created_at"],
        "updated_at": rule["updated_at"],
    }
    assert api.get(f"{rules}/nightly").json() == rule
    assert api.get(f"{rules}/nightly", headers={"If-None-Match": made.headers["ETag"]}).status_code == 304

    edited = api.put(f"{rules}/nightly", json=rule | {"severity": "CRITICAL", "tell": []})
    assert edited.status_code == 200, edited.text
    assert (edited.json()["version"], edited.json()["severity"], edited.json()["tell"]) == (2, "CRITICAL", [])
    stale = api.put(f"{rules}/nightly", json={"condition": FAILURES}, headers={"If-Match": '"1"'})
    assert (stale.status_code, problem_of(stale)["code"]) == (412, "precondition_failed")
    assert api.put(f"{rules}/other", json={"condition": {"type": "MISSED"}}).status_code == 201
    assert api.get(f"{rules}/other").json()["condition"] == {"type": "MISSED", "count": 1}
    assert [each["name"] for each in api.get(rules).json()["data"]] == ["other", "nightly"]
    first = api.get(rules, params={"limit": 1}).json()
    (second,) = api.get(rules, params={"limit": 1, "cursor": first["next_cursor"]}).json()["data"]
    assert second["name"] == "nightly"

    assert api.delete(f"{rules}/nightly", headers={"If-Match": '"1"'}).status_code == 412
    assert api.delete(f"{rules}/nightly").status_code == 204
    for answer in (api.get(f"{rules}/nightly"), api.delete(f"{rules}/nightly")):
        assert (answer.status_code, problem_of(answer)["code"]) == (404, "alert_rule_not_found")


def test_a_name_is_taken_once(api: httpx.Client, rules: str) -> None:
    body = {"name": "one", "condition": FAILURES}
    api.post(rules, json=body).raise_for_status()
    again = api.post(rules, json=body)
    assert (again.status_code, problem_of(again)["errors"][0]["pointer"]) == (409, "/name")
    new = api.put(f"{rules}/one", json={"condition": FAILURES}, headers={"If-None-Match": "*"})
    assert new.status_code == 412
    absent = api.put(f"{rules}/two", json={"condition": FAILURES}, headers={"If-Match": "*"})
    assert absent.status_code == 412


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"condition": {"type": "FAILURES"}}, "/condition/count"),
        ({"condition": {"type": "FAILURES", "count": 3, "seconds": 9}}, "/condition/seconds"),
        ({"condition": {"type": "FAILURES", "count": 0}}, "/condition/count"),
        ({"condition": {"type": "NEVER"}}, "/condition/type"),
        ({"condition": {"type": "RUNNING"}}, "/condition/seconds"),
        ({"condition": {"type": "RUNNING", "factor": 1}}, "/condition/factor"),
        ({"condition": {"type": "LATE", "seconds": 604_801}}, "/condition/seconds"),
        ({"condition": {"type": "NO_SUCCESS", "seconds": 59}}, "/condition/seconds"),
        ({"condition": {"type": "FAILURE_RATE", "percent": 50}}, "/condition/runs"),
        ({"condition": {"type": "FAILURE_RATE", "percent": 50, "runs": 9, "window_seconds": 90}}, "/condition/runs"),
        ({"condition": {"type": "FAILURE_RATE", "percent": 9, "runs": 9, "min_runs": 10}}, "/condition/min_runs"),
        ({"selects": {"job": "a", "tag": "b"}}, "/selects"),
        ({"selects": {"job": "absent"}}, "/selects/job"),
        ({"selects": {"job": str(uuid.UUID(int=7))}}, "/selects/job"),
        ({"selects": {"endpoint": "absent"}}, "/selects/endpoint"),
        ({"selects": {"job": "a"}, "per": "ALL"}, "/per"),
        ({"tell": ["sink", "absent"]}, "/tell/1"),
        ({"tell": ["sink", "sink"]}, "/tell"),
        ({"repeat_seconds": 59}, "/repeat_seconds"),
    ],
)
def test_what_a_rule_cannot_be_is_refused_where_it_stands(
    api: httpx.Client, rules: str, change: dict[str, Any], pointer: str
) -> None:
    answer = api.post(rules, json={"name": "one", "condition": FAILURES} | change)
    assert answer.status_code == 422, answer.text
    assert pointer in [fault["pointer"] for fault in problem_of(answer)["errors"]]
    assert api.get(rules).json()["data"] == []


@pytest.mark.parametrize(
    "condition",
    [
        {"type": "FAILURES", "count": 1},
        {"type": "MISSED", "count": 2},
        {"type": "LATE", "seconds": 604_800},
        {"type": "RUNNING", "factor": 1.5, "seconds": 60},
        {"type": "NO_SUCCESS", "seconds": 60},
        {"type": "FAILURE_RATE", "percent": 100, "runs": 100, "min_runs": 1},
        {"type": "FAILURE_RATE", "percent": 1, "window_seconds": 86_400, "min_runs": 100_000},
    ],
)
def test_each_condition_is_stored_as_it_was_written(api: httpx.Client, rules: str, condition: dict[str, Any]) -> None:
    made = api.post(rules, json={"name": "one", "condition": condition})
    assert (made.status_code, made.json().get("condition")) == (201, condition), made.text


def test_a_workspace_has_a_hundred_rules_at_most(
    api: httpx.Client, workspace: str, rules: str, shared_superuser: psycopg.Connection
) -> None:
    shared_superuser.execute(
        "insert into kronos.alert_rules (workspace_id, name, condition)"
        ' select workspace_id, \'r\' || nth, \'{"type": "MISSED", "count": 1}\''
        "   from kronos.workspaces, generate_series(1, 100) as nth where slug = %s",
        [workspace],
    )
    for answer in (
        api.post(rules, json={"name": "more", "condition": FAILURES}),
        api.put(f"{rules}/more", json={"condition": FAILURES}),
    ):
        assert answer.status_code == 409
        assert "may have 100" in problem_of(answer)["detail"]
    assert api.put(f"{rules}/r7", json={"condition": FAILURES}).status_code == 200


def test_an_endpoint_that_a_rule_tells_stays(api: httpx.Client, workspace: str, rules: str) -> None:
    base = f"/v1/workspaces/{workspace}/endpoints"
    api.put(f"{base}/chat", json={"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/"}}).raise_for_status()
    api.post(rules, json={"name": "one", "condition": FAILURES, "tell": ["chat"]}).raise_for_status()
    refused = api.delete(f"{base}/chat")
    assert (refused.status_code, problem_of(refused)["code"]) == (409, "endpoint_in_use")
    assert "receives alerts from these alert rules: one" in problem_of(refused)["detail"]
    api.delete(f"{rules}/one").raise_for_status()
    assert api.delete(f"{base}/chat").status_code == 204


def test_an_incident_is_acknowledged_once_and_snoozed(
    api: httpx.Client, workspace: str, incidents: str, shared_superuser: psycopg.Connection
) -> None:
    path = f"{incidents}/{add_incident(shared_superuser, workspace)}"
    key = add_key(shared_superuser, workspace, "operator")
    with holding(api, key) as operator:
        snoozed = operator.post(f"{path}/snooze", json={"until": "2099-01-01T00:00:00Z"}).json()
        assert (snoozed["status"], snoozed["snoozed_until"]) == ("OPEN", "2099-01-01T00:00:00Z")
        assert snoozed["snoozed_by"] == key.split("_")[2]
        assert operator.post(f"{path}/snooze", json={}).json()["snoozed_until"] is None
        assert operator.post(f"{path}/snooze", json={"seconds": 60}).json()["snoozed_until"] is not None
        both = operator.post(f"{path}/snooze", json={"seconds": 60, "until": "2099-01-01T00:00:00Z"})
        assert problem_of(both)["errors"][0]["pointer"] == "/seconds"
        mine = operator.post(f"{path}/acknowledge", json={"note": "on it"}).json()
    assert (mine["status"], mine["note"]) == ("ACKNOWLEDGED", "on it")
    assert mine["acknowledged_by"] == snoozed["snoozed_by"]
    assert api.post(f"{path}/acknowledge", json={"note": "me too"}).json() == mine
    shared_superuser.execute(
        "update kronos.incidents set status = 'RESOLVED', resolved_at = now(), resolution = 'RECOVERED'"
        " where incident_id = %s",
        [mine["incident_id"]],
    )
    for deed in ("acknowledge", "snooze"):
        over = api.post(f"{path}/{deed}", json={})
        assert (over.status_code, problem_of(over)["code"]) == (409, "conflict")
    actions = [
        row["action"] for row in api.get(f"/v1/workspaces/{workspace}/audit", params={"limit": 50}).json()["data"]
    ]
    assert {"incident.acknowledge", "incident.snooze", "alert_rule.create"} <= set(actions)


def test_incidents_are_found_by_status_rule_and_job(
    api: httpx.Client, workspace: str, incidents: str, shared_superuser: psycopg.Connection
) -> None:
    ids = [add_incident(shared_superuser, workspace, rule=rule) for rule in ("a", "a", "b")]
    api.post(f"{incidents}/{ids[0]}/acknowledge").raise_for_status()
    job = api.post(
        f"/v1/workspaces/{workspace}/jobs",
        json={"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "name": "j"},
    ).json()["job_id"]
    shared_superuser.execute(
        "update kronos.incidents set subject_id = %s, status = 'RESOLVED', resolved_at = now(),"
        " resolution = 'RECOVERED' where incident_id = %s",
        [job, ids[1]],
    )

    def found(**query: str) -> list[str]:
        answer = api.get(incidents, params=query)
        assert answer.status_code == 200, answer.text
        return sorted(each["incident_id"] for each in answer.json()["data"])

    assert found() == sorted(ids)
    assert found(status="LIVE") == sorted([ids[0], ids[2]])
    assert found(status="OPEN") == [ids[2]]
    assert found(status="ACKNOWLEDGED", rule="a") == [ids[0]]
    assert found(status="RESOLVED") == found(job="j") == found(job=job) == [ids[1]]
    assert found(rule="b") == [ids[2]]
    assert found(job="absent") == []
    assert api.get(f"{incidents}/{ids[2]}").json()["subject"]["name"] == "nightly"
    first = api.get(incidents, params={"limit": 2}).json()
    (last,) = api.get(incidents, params={"limit": 2, "cursor": first["next_cursor"]}).json()["data"]
    assert sorted([last["incident_id"], *(each["incident_id"] for each in first["data"])]) == sorted(ids)


def test_another_workspaces_incident_is_none(
    api: httpx.Client, incidents: str, shared_superuser: psycopg.Connection
) -> None:
    theirs = add_incident(shared_superuser, make_workspace(api))
    for answer in (api.get(f"{incidents}/{theirs}"), api.post(f"{incidents}/{theirs}/acknowledge")):
        assert (answer.status_code, problem_of(answer)["code"]) == (404, "incident_not_found")
