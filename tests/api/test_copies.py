"""The result of GET can be sent back, edited. A read-only field is ignored if it is unchanged and rejected if it
differs.
"""

from typing import Any

import httpx
import psycopg
import pytest

from api_answers import problem_of

CRON = {
    "endpoint": "sink",
    "trigger": "CRON",
    "cron": "7 */2 * * *",
    "name": "nightly",
    "title": "Nightly",
    "input": {"a": 1.5},
}
INTERVAL = {
    "endpoint": "sink",
    "trigger": "CRON",
    "every": "2w",
    "anchor": "2026-03-02T09:00:00",
    "timezone": "Europe/Berlin",
    "name": "fortnight",
}


@pytest.fixture
def base(api: httpx.Client, workspace: str) -> str:
    at = f"/v1/workspaces/{workspace}"
    api.post(f"{at}/jobs", json=CRON).raise_for_status()
    api.post(f"{at}/jobs", json=INTERVAL).raise_for_status()
    return at


PLACES = {
    "endpoint": ("/endpoints/sink", "PUT"),
    "job": ("/jobs/nightly", "PATCH"),
    "interval": ("/jobs/fortnight", "PATCH"),
    "workspace": ("", "PATCH"),
}


@pytest.mark.parametrize(("path", "method"), PLACES.values(), ids=PLACES.keys())
def test_what_get_gave_is_taken_back(api: httpx.Client, base: str, path: str, method: str) -> None:
    given = api.get(f"{base}{path}").json()
    answer = api.request(method, f"{base}{path}", json=given)
    assert answer.status_code == 200, answer.text
    moved = {"version", "updated_at"} if method == "PUT" else set()
    assert {name: value for name, value in answer.json().items() if name not in moved} == {
        name: value for name, value in given.items() if name not in moved
    }


EDITS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "an endpoint's url": ("/endpoints/sink", "PUT", {"spec": {"url": "http://127.0.0.1:9/other"}}),
    "an endpoint's title": ("/endpoints/sink", "PUT", {"title": "The sink"}),
    "a job's cron": ("/jobs/nightly", "PATCH", {"cron": "8 8 * * *"}),
    "a job's title": ("/jobs/nightly", "PATCH", {"title": None}),
    "an expression to an interval": ("/jobs/nightly", "PATCH", {"cron": None, "every": "90m"}),
    "an interval to an expression": ("/jobs/fortnight", "PATCH", {"cron": "9 9 * * 1", "every": None, "anchor": None}),
    "an interval's tags": ("/jobs/fortnight", "PATCH", {"tags": ["a"]}),
    "a workspace's name": ("", "PATCH", {"name": "edited"}),
}


@pytest.mark.parametrize(("path", "method", "edit"), EDITS.values(), ids=EDITS.keys())
def test_an_edit_is_the_only_difference(
    api: httpx.Client, base: str, path: str, method: str, edit: dict[str, Any]
) -> None:
    given = api.get(f"{base}{path}").json()
    answer = api.request(method, f"{base}{path}", json=given | edit)
    assert answer.status_code == 200, answer.text
    now = api.get(f"{base}{path}").json()
    assert now["version"] == given["version"] + 1
    for name, value in edit.items():
        assert now[name] == value or value is None or now[name] | value == now[name]
    for name in ("input", "tags", "timezone", "anchor", "anchor_local", "max_in_flight", "retry_policy", "overlap"):
        if name not in edit and name in given and not {"cron", "every"} & edit.keys():
            assert now[name] == given[name], name


READ_ONLY: dict[str, tuple[str, str, dict[str, Any]]] = {
    **{
        f"endpoint {name}": ("/endpoints/sink", "PUT", {name: value})
        for name, value in {
            "endpoint_id": "7b0e8f9c-3f0a-4b3e-9d3b-0d6f3f1c2a11",
            "workspace": "other",
            "name": "other",
            "version": 7,
            "created_at": "2020-01-01T00:00:00Z",
        }.items()
    },
    **{
        f"job {name}": ("/jobs/nightly", "PATCH", {name: value})
        for name, value in {
            "job_id": "7b0e8f9c-3f0a-4b3e-9d3b-0d6f3f1c2a11",
            "status": "PAUSED",
            "version": 2,
            "trigger": "IMMEDIATE",
            "next_run_at": "2999-01-01T00:00:00Z",
            "last_run_at": "2999-01-01T00:00:00Z",
            "description": "Every second",
            "pg_cron": None,
            "skip_next": 3,
            "idempotency_key": "k",
        }.items()
    },
    **{
        f"workspace {name}": ("", "PATCH", {name: value})
        for name, value in {"slug": "other", "version": 9, "suspended_at": "2026-01-01T00:00:00Z"}.items()
    },
}


@pytest.mark.parametrize("is_alone", [False, True])
def test_what_cannot_be_changed_is_refused_where_it_differs(api: httpx.Client, base: str, is_alone: bool) -> None:
    for case, (path, method, edit) in READ_ONLY.items():
        given = api.get(f"{base}{path}").json()
        body = edit if is_alone and method == "PATCH" else given | edit
        problem = problem_of(api.request(method, f"{base}{path}", json=body))
        (name,) = edit
        assert (problem["status"], [fault["pointer"] for fault in problem["errors"]]) == (422, [f"/{name}"]), case
        assert api.get(f"{base}{path}").json() == given, case


def test_a_copy_that_was_overtaken_is_refused_by_its_version(api: httpx.Client, base: str) -> None:
    for path, method in PLACES.values():
        given = api.get(f"{base}{path}").json()
        api.request(
            method, f"{base}{path}", json=given | ({"name": "n"} if path == "" else {"title": "in between"})
        ).raise_for_status()
        problem = problem_of(api.request(method, f"{base}{path}", json=given))
        assert problem["status"] == 422
        assert "/version" in [fault["pointer"] for fault in problem["errors"]], path


def test_instants_are_the_same_however_they_are_written(api: httpx.Client, base: str) -> None:
    given = api.get(f"{base}/endpoints/sink").json()
    as_a_client_writes_it = given["created_at"].replace("Z", "+00:00")
    assert api.put(f"{base}/endpoints/sink", json=given | {"created_at": as_a_client_writes_it}).status_code == 200
    job = api.get(f"{base}/jobs/nightly").json()
    assert (
        api.patch(
            f"{base}/jobs/nightly", json=job | {"created_at": job["created_at"].replace("Z", "+00:00"), "tags": ["b"]}
        ).status_code
        == 200
    )


def test_what_time_moved_on_is_no_edit(api: httpx.Client, base: str, shared_superuser: psycopg.Connection) -> None:
    given = api.get(f"{base}/jobs/nightly").json()
    shared_superuser.execute("update kronos.pointers set last_run_at = now() where job_id = %s", [given["job_id"]])
    assert api.get(f"{base}/jobs/nightly").json()["last_run_at"] != given["last_run_at"]
    past = given | {"next_run_at": "2026-01-01T00:00:00Z", "tags": ["c"]}
    assert api.patch(f"{base}/jobs/nightly", json=past).json()["tags"] == ["c"]


def test_a_copy_of_retention_pins_nothing_that_was_the_instances(api: httpx.Client, base: str) -> None:
    one = f"{base}/retention"
    given = api.get(one).json()
    assert api.put(one, json=given).json() == given
    edited = api.put(one, json=given | {"success_days": 7}).json()
    assert (edited["override"], edited["success_days"]) == ({"success_days": 7, "failure_days": None}, 7)
    assert api.put(one, json=edited).json() == edited
    problem = problem_of(api.put(one, json=edited | {"defaults": {"success_days": 1, "failure_days": 1}}))
    assert [fault["pointer"] for fault in problem["errors"]] == ["/defaults"]


def test_a_copy_of_quotas_keeps_all_that_it_has_and_is_held_to_its_version(api: httpx.Client, base: str) -> None:
    one = f"{base}/quotas"
    given = api.put(one, json={"max_cron_jobs": 9, "max_input_bytes": 512}).json()
    same = api.put(one, json=given).json()
    assert same == given | {"version": same["version"]}
    edited = api.put(one, json=same | {"max_cron_jobs": 10}).json()
    assert (edited["max_cron_jobs"], edited["max_input_bytes"]) == (10, 512)
    problem = problem_of(api.put(one, json=same))  # outdated
    assert (problem["status"], [fault["pointer"] for fault in problem["errors"]]) == (422, ["/version"])
    problem = problem_of(api.put(one, json=edited | {"workspace": "other"}))
    assert [fault["pointer"] for fault in problem["errors"]] == ["/workspace"]
    assert api.get(one).json() == edited


def test_a_copy_makes_an_endpoint_only_under_its_own_name(api: httpx.Client, base: str) -> None:
    given = api.get(f"{base}/endpoints/sink").json()
    assert problem_of(api.put(f"{base}/endpoints/fresh", json=given))["status"] == 422
    own = {"name": "fresh", "type": "HTTP", "spec": given["spec"]}
    assert api.put(f"{base}/endpoints/fresh", json=own).status_code == 201
    assert api.get(f"{base}/endpoints/fresh").json()["spec"] == given["spec"]
