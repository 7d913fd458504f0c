"""Callbacks over HTTP: set, shown, changed, rejected; and a run with what it triggered, seen from both."""

import uuid
from typing import Any

import httpx
import psycopg
import pytest

from api_answers import problem_of as _problem_of
from callback_rows import claim, fail, succeed
from explain_scene import Scene

CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "0 9 1 1 *"}


@pytest.fixture
def base(api: httpx.Client, workspace: str) -> str:
    path = f"/v1/workspaces/{workspace}"
    hook = {"name": "hook", "type": "HTTP", "spec": {"url": "https://example.com/hook"}}
    assert api.post(f"{path}/endpoints", json=hook).status_code == 201
    return path


def problem_of(answer: httpx.Response, status: int, code: str = "input_validation_failed") -> dict[str, Any]:
    problem = _problem_of(answer)
    assert (problem["status"], problem["code"]) == (status, code), answer.text
    return problem


def made(answer: httpx.Response, status: int = 201) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_callbacks_are_stored_shown_changed_and_taken_away(api: httpx.Client, base: str) -> None:
    made(api.post(f"{base}/jobs", json={**CRON, "name": "load"}))
    wanted = {"on_success": {"job": "load", "input": "run"}, "on_failure": {"endpoint": "hook"}}
    job = made(api.post(f"{base}/jobs", json={**CRON, "name": "report", **wanted}))
    assert {name: job[name] for name in wanted} == wanted
    for path in (f"{base}/jobs/report", f"{base}/jobs/{job['job_id']}"):
        assert made(api.get(path), 200) == job
    listed = {each["name"]: each for each in made(api.get(f"{base}/jobs"), 200)["data"]}
    assert listed["report"] == job
    changed = made(
        api.patch(f"{base}/jobs/report", json={"on_failure": {"endpoint": "hook", "statuses": ["FAILED"]}}), 200
    )
    assert (changed["on_success"], changed["version"]) == (wanted["on_success"], 2)
    assert changed["on_failure"] == {"endpoint": "hook", "statuses": ["FAILED"]}
    assert made(api.patch(f"{base}/jobs/report", json=changed), 200) == changed, "the result of GET is no change"
    gone = made(api.patch(f"{base}/jobs/report", json={"on_success": None, "on_failure": None}), 200)
    assert (gone["on_success"], gone["on_failure"]) == (None, None)


def test_the_name_that_a_chain_shows_is_the_jobs_present_one(api: httpx.Client, base: str) -> None:
    made(api.post(f"{base}/jobs", json={**CRON, "name": "load"}))
    made(api.post(f"{base}/jobs", json={**CRON, "name": "report", "on_success": {"job": "load"}}))
    made(api.patch(f"{base}/jobs/load", json={"name": "load-2"}), 200)
    assert made(api.get(f"{base}/jobs/report"), 200)["on_success"] == {"job": "load-2"}


@pytest.mark.parametrize(
    "trigger", [{"trigger": "IMMEDIATE"}, {"trigger": "DELAYED", "run_at": "2099-01-01T00:00:00Z"}]
)
def test_a_one_shot_has_callbacks_too(
    api: httpx.Client, base: str, shared_superuser: psycopg.Connection, trigger: dict[str, str]
) -> None:
    asked = {"endpoint": "sink", **trigger, "on_success": {"endpoint": "hook"}}
    job = made(api.post(f"{base}/jobs", json=asked))
    assert made(api.get(f"{base}/jobs/{job['job_id']}"), 200) == job
    execution_id = uuid.UUID(job["execution"]["execution_id"])
    claim(shared_superuser, execution_id)
    succeed(shared_superuser, execution_id)
    run = made(api.get(f"{base}/executions/{execution_id}"), 200)
    (callback,) = run["callbacks"]
    assert (run["status"], run["caused_by"]) == ("SUCCESS", None)
    assert callback == {
        "execution_id": callback["execution_id"], "event": "on_success", "endpoint": "hook", "status": "QUEUED"
    }  # fmt: skip
    called = made(api.get(f"{base}/executions/{callback['execution_id']}"), 200)
    assert called["caused_by"] == {
        "execution_id": str(execution_id), "job_id": job["job_id"], "event": "on_success"
    }  # fmt: skip
    assert (called["endpoint"], called["callbacks"]) == ("hook", [])


def test_a_run_is_success_and_its_callback_failed_both_in_lists_and_by_status(
    api: httpx.Client, base: str, shared_superuser: psycopg.Connection
) -> None:
    job = made(api.post(f"{base}/jobs", json={**CRON, "on_success": {"endpoint": "hook"}}))
    run = made(api.post(f"{base}/jobs/{job['job_id']}/trigger"), 202)
    assert (run["caused_by"], run["callbacks"]) == (None, [])
    claim(shared_superuser, uuid.UUID(run["execution_id"]))
    succeed(shared_superuser, uuid.UUID(run["execution_id"]))
    (callback,) = made(api.get(f"{base}/executions/{run['execution_id']}"), 200)["callbacks"]
    shared_superuser.execute(
        "update kronos.execution_live set max_attempts = 1 where execution_id = %s", [callback["execution_id"]]
    )
    claim(shared_superuser, uuid.UUID(callback["execution_id"]))
    fail(shared_superuser, uuid.UUID(callback["execution_id"]))
    (succeeded,) = made(api.get(f"{base}/executions?status=SUCCESS"), 200)["data"]
    assert [each["status"] for each in succeeded["callbacks"]] == ["FAILED"]
    (failed,) = made(api.get(f"{base}/executions?status=FAILED"), 200)["data"]
    (letter,) = made(api.get(f"{base}/dead-letters?endpoint=hook"), 200)["data"]
    assert failed["caused_by"]["execution_id"] == letter["caused_by"]["execution_id"] == run["execution_id"]


@pytest.mark.parametrize(
    ("callback", "pointer"),
    [
        ({"on_success": {"endpoint": "nowhere"}}, "/on_success/endpoint"),
        ({"on_failure": {"job": "nothing"}}, "/on_failure/job"),
        ({"on_success": {}}, "/on_success"),
        ({"on_success": {"endpoint": "hook", "job": "load"}}, "/on_success"),
        ({"on_success": {"endpoint": "hook", "input": "run"}}, "/on_success/input"),
        ({"on_success": {"endpoint": "hook", "statuses": ["FAILED"]}}, "/on_success/statuses"),
        ({"on_failure": {"endpoint": "hook", "statuses": ["SUCCESS"]}}, "/on_failure/statuses/0"),
        ({"on_failure": {"endpoint": "hook", "endpoint_id": str(uuid.uuid4())}}, "/on_failure/endpoint_id"),
        ({"on_failure": "hook"}, "/on_failure"),
    ],
)
def test_a_bad_callback_is_refused_at_its_place_and_nothing_is_made(
    api: httpx.Client, base: str, callback: dict[str, Any], pointer: str
) -> None:
    for body in ({**CRON, **callback}, {"endpoint": "sink", "trigger": "IMMEDIATE", **callback}):
        (fault,) = problem_of(api.post(f"{base}/jobs", json=body), 422, "input_validation_failed")["errors"]
        assert fault["pointer"] == pointer
        assert fault["hint"]
    assert made(api.get(f"{base}/jobs"), 200)["data"] == []


def test_a_cycle_that_two_patches_would_make_is_refused_with_the_way(api: httpx.Client, base: str) -> None:
    made(api.post(f"{base}/jobs", json={**CRON, "name": "c"}))
    made(api.post(f"{base}/jobs", json={**CRON, "name": "b", "on_failure": {"job": "c"}}))
    made(api.post(f"{base}/jobs", json={**CRON, "name": "a", "on_success": {"job": "b"}}))
    answer = api.patch(f"{base}/jobs/c", json={"on_success": {"job": "a"}})
    (fault,) = problem_of(answer, 422, "input_validation_failed")["errors"]
    assert fault["pointer"] == "/on_success/job"
    assert "c -> a -> b -> c" in fault["detail"]
    (itself,) = problem_of(api.patch(f"{base}/jobs/c", json={"on_success": {"job": "c"}}), 422)["errors"]
    assert "c -> c" in itself["detail"]
    assert made(api.get(f"{base}/jobs/c"), 200)["version"] == 1


def test_what_callbacks_name_is_not_deleted_and_who_names_it_is_said(api: httpx.Client, base: str) -> None:
    made(api.post(f"{base}/jobs", json={**CRON, "name": "load"}))
    wanted = {"on_success": {"job": "load"}, "on_failure": {"endpoint": "hook"}}
    made(api.post(f"{base}/jobs", json={**CRON, "name": "report", **wanted}))
    assert "report" in problem_of(api.delete(f"{base}/endpoints/hook"), 409, "endpoint_in_use")["detail"]
    assert "report" in problem_of(api.delete(f"{base}/jobs/load"), 409, "job_in_use")["detail"]
    assert made(api.get(f"{base}/jobs/load"), 200)["status"] == "ACTIVE"
    made(api.patch(f"{base}/jobs/report", json={"on_success": None, "on_failure": None}), 200)
    assert made(api.delete(f"{base}/jobs/load"), 200)["status"] == "RETIRED"
    assert api.delete(f"{base}/endpoints/hook").status_code == 204


def test_jobs_of_a_batch_have_callbacks_and_a_bad_one_is_that_jobs_problem(api: httpx.Client, base: str) -> None:
    jobs = [
        {**CRON, "name": "load"},
        {"endpoint": "sink", "trigger": "IMMEDIATE", "on_success": {"endpoint": "hook"}},
        {"endpoint": "sink", "trigger": "IMMEDIATE", "on_success": {"endpoint": "nowhere"}},
    ]
    problem = problem_of(api.post(f"{base}/jobs:batch", json={"jobs": jobs}), 422)
    assert problem["errors"][0]["pointer"] == "/jobs/2/on_success/endpoint"
    answer = made(api.post(f"{base}/jobs:batch", json={"jobs": jobs, "atomic": False}))
    assert [each.get("code") for each in answer["data"]] == [None, None, "input_validation_failed"]
    assert answer["data"][1]["on_success"] == {"endpoint": "hook"}


def test_what_a_run_set_off_is_listed_by_it(api: httpx.Client, base: str, shared_superuser: psycopg.Connection) -> None:
    made(api.post(f"{base}/jobs", json={**CRON, "name": "other"}))
    made(api.post(f"{base}/jobs", json={**CRON, "name": "report", "on_success": {"endpoint": "hook"}}))
    runs = [made(api.post(f"{base}/jobs/report/trigger"), 202)["execution_id"] for _ in range(2)]
    for run in runs:
        claim(shared_superuser, uuid.UUID(run))
        succeed(shared_superuser, uuid.UUID(run))
    (called,) = made(api.get(f"{base}/executions/{runs[0]}"), 200)["callbacks"]
    found = made(api.get(f"{base}/executions", params={"caused_by": runs[0]}), 200)
    assert ([each["execution_id"] for each in found["data"]], found["next_cursor"]) == ([called["execution_id"]], None)
    assert found["data"][0]["caused_by"]["execution_id"] == runs[0]
    for more, count in (
        ({"status": "QUEUED"}, 1),
        ({"status": "SUCCESS"}, 0),
        ({"scheduled_after": "2020-01-01T00:00:00Z", "scheduled_before": "2099-01-01T00:00:00Z"}, 1),
        ({"scheduled_after": "2099-01-01T00:00:00Z"}, 0),
        ({"job": called["execution_id"]}, 1),
        ({"job": "other"}, 0),
        ({"caused_by": called["execution_id"]}, 0),
    ):
        answer = api.get(f"{base}/executions", params={"caused_by": runs[0], **more})
        assert len(made(answer, 200)["data"]) == count, more
    for _ in range(2):  # each run's end calls back, and the list has several pages
        shared_superuser.execute(
            "insert into kronos.callbacks (execution_id, workspace_id, caused_by, caused_by_job_id, event, depth,"
            " endpoint_id) select execution_id, workspace_id, %s, job_id, 'on_success', 1, endpoint_id"
            " from kronos.execution_live where execution_id = %s",
            [runs[1], made(api.post(f"{base}/jobs/other/trigger"), 202)["execution_id"]],
        )
    seen: list[str] = []
    asked: dict[str, Any] = {"caused_by": runs[1], "limit": 1}
    while len(seen) < 4:
        page = made(api.get(f"{base}/executions", params=asked), 200)
        seen += [each["execution_id"] for each in page["data"]]
        if page["next_cursor"] is None:
            break
        asked["cursor"] = page["next_cursor"]
    assert (len(seen), len(set(seen))) == (3, 3)
    problem_of(api.get(f"{base}/executions", params={"caused_by": "report"}), 400, "invalid_request")


def test_explain_says_what_a_run_set_off_and_what_set_it_off(
    scene: Scene, api: httpx.Client, base: str, shared_superuser: psycopg.Connection
) -> None:
    made(api.post(f"{base}/jobs", json={**CRON, "name": "load"}))
    made(api.post(f"{base}/jobs", json={**CRON, "name": "report", "on_success": {"job": "load"}}))
    run = made(api.post(f"{base}/jobs/report/trigger"), 202)
    claim(shared_superuser, uuid.UUID(run["execution_id"]))
    succeed(shared_superuser, uuid.UUID(run["execution_id"]))
    at = run["scheduled_at"].replace("+00:00", "Z")
    steps = {each["step"]: each for each in made(api.get(f"{base}/jobs/report/explain?at={at}"), 200)["steps"]}
    assert "on_success: a run of job load is PENDING" in steps["callbacks"]["detail"]
    shared_superuser.execute("select kronos.run_chained(100)")
    (chained,) = made(api.get(f"{base}/jobs/load/executions"), 200)["data"]
    at = chained["scheduled_at"].replace("+00:00", "Z")
    steps = {each["step"]: each for each in made(api.get(f"{base}/jobs/load/explain?at={at}"), 200)["steps"]}
    assert f"by on_success of execution {run['execution_id']}" in steps["execution"]["detail"]
