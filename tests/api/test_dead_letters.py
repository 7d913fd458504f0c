"""Dead letters over HTTP: failed executions are listed, filtered, redriven and discarded, singly or by an operation."""

import uuid
from typing import Any

import httpx
import psycopg
import pytest

from api_answers import problem_of
from conftest import Api
from dead_letter_rows import Failing

NOBODY = "0193f0c8-7a1e-7cc3-9b5a-4c1d2e3f4a5b"


@pytest.fixture
def base(api: httpx.Client, workspace: str) -> str:
    path = f"/v1/workspaces/{workspace}"
    other = {"name": "other", "type": "HTTP", "spec": {"url": "https://example.com/other"}}
    assert api.post(f"{path}/endpoints", json=other).status_code == 201
    return path


@pytest.fixture
def failing(api: httpx.Client, shared_superuser: psycopg.Connection, base: str) -> Failing:
    return Failing(api, shared_superuser, base)


def letters(api: httpx.Client, base: str, **query: str) -> list[str]:
    answer = api.get(f"{base}/dead-letters", params=query)
    assert answer.status_code == 200, answer.text
    return [row["execution_id"] for row in answer.json()["data"]]


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    return problem_of(answer)


def ended(api: httpx.Client, base: str, begun: httpx.Response) -> dict[str, Any]:
    assert begun.status_code == 202, begun.text
    found: dict[str, Any] = api.get(f"{base}/operations/{begun.json()['operation_id']}").json()
    return found


def test_what_failed_is_listed_the_last_first_page_by_page(api: httpx.Client, base: str, failing: Failing) -> None:
    made = [failing.one_shots(1)[0] for _ in range(5)]
    assert letters(api, base) == made[::-1]
    first = api.get(f"{base}/dead-letters", params={"limit": 2}).json()
    second = api.get(f"{base}/dead-letters", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    third = api.get(f"{base}/dead-letters", params={"limit": 2, "cursor": second["next_cursor"]}).json()
    assert [row["execution_id"] for page in (first, second, third) for row in page["data"]] == made[::-1]
    assert third["next_cursor"] is None
    assert {row["status"] for row in first["data"]} == {"FAILED"}
    assert first["data"][0] == api.get(f"{base}/executions/{made[-1]}").json()


def test_filters(api: httpx.Client, base: str, failing: Failing) -> None:
    named = api.post(
        f"{base}/jobs", json={"name": "nightly", "endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"}
    ).json()
    assert api.post(f"{base}/jobs/nightly/trigger").status_code == 202
    (of_job,) = failing.fail()
    (of_other,) = failing.one_shots(1, "other", error_type="timeout", message="no answer in 30 s: Ärger")
    (plain,) = failing.one_shots(1)
    at = api.get(f"{base}/executions/{of_other}").json()["completed_at"]
    for query, expected in (
        ({"endpoint": "other"}, [of_other]),
        ({"endpoint": "sink"}, [plain, of_job]),
        ({"endpoint": "nowhere"}, []),
        ({"job": "nightly"}, [of_job]),
        ({"job": named["job_id"]}, [of_job]),
        ({"job": plain}, [plain]),
        ({"job": "nobody"}, []),
        ({"job": NOBODY}, []),
        ({"error_type": "timeout"}, [of_other]),
        ({"error_type": "timeout", "endpoint": "sink"}, []),
        ({"q": "ÄRGER"}, [of_other]),
        ({"q": "STATUS"}, [plain, of_job]),
        ({"q": "100%"}, []),
        ({"after": at}, [plain]),
        ({"before": at}, [of_job]),
    ):
        assert letters(api, base, **query) == expected, query


def test_of_a_job_with_versions_its_name_means_all_and_an_id_one(
    api: httpx.Client, base: str, failing: Failing
) -> None:
    body = {"name": "nightly", "endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"}
    first = api.post(f"{base}/jobs", json=body).json()["job_id"]
    api.post(f"{base}/jobs/nightly/trigger")
    (old,) = failing.fail()
    second = api.patch(f"{base}/jobs/nightly", json={"cron": "0 0 2 1 *"}).json()["job_id"]
    api.post(f"{base}/jobs/nightly/trigger")
    (new,) = failing.fail()
    assert letters(api, base, job="nightly") == [new, old]
    assert (letters(api, base, job=first), letters(api, base, job=second)) == ([old], [new])


def test_one_that_is_retried_is_none_any_more_until_it_fails_again(
    api: httpx.Client, base: str, failing: Failing
) -> None:
    one, other = failing.one_shots(2)
    assert api.post(f"{base}/executions/{one}/retry").status_code == 200
    assert letters(api, base) == [other]
    assert failing.fail() == [one]
    assert letters(api, base) == [one, other]


def test_what_succeeds_or_is_cancelled_is_none(api: httpx.Client, base: str) -> None:
    made = api.post(
        f"{base}/jobs", json={"endpoint": "sink", "trigger": "DELAYED", "run_at": "2099-01-01T00:00:00Z"}
    ).json()
    assert api.post(f"{base}/executions/{made['execution']['execution_id']}/cancel").status_code == 200
    assert letters(api, base) == []


def test_a_redrive_counts_first_and_writes_nothing(api: httpx.Client, base: str, failing: Failing) -> None:
    failing.one_shots(3)
    answer = api.post(f"{base}/dead-letters/redrive", json={"endpoint": "sink", "validate_only": True})
    assert (answer.status_code, answer.json()) == (200, {"count": 3})
    assert len(letters(api, base)) == 3
    assert api.get(f"{base}/operations").json() == {"data": [], "next_cursor": None}


def test_a_redrive_takes_what_its_filter_names_under_its_own_id(api: httpx.Client, base: str, failing: Failing) -> None:
    made = failing.one_shots(120)
    (other,) = failing.one_shots(1, "other")
    begun = api.post(f"{base}/dead-letters/redrive", json={"endpoint": "sink"})
    assert begun.headers["Location"] == f"{base}/operations/{begun.json()['operation_id']}"
    assert begun.json() | {"operation_id": None, "created_at": None} == {
        "operation_id": None,
        "workspace": base.rpartition("/")[2],
        "kind": "REDRIVE",
        "status": "RUNNING",
        "status_reason": None,
        "filter": {"endpoint": "sink"},
        "endpoint_version": "latest",
        "per_second": None,
        "total": 120,
        "done": 0,
        "failed": 0,
        "failures": {},
        "refused": [],
        "created_at": None,
        "completed_at": None,
    }
    failing.steps()
    over = ended(api, base, begun)
    assert (over["status"], over["done"], over["failed"]) == ("COMPLETED", 120, 0)
    assert letters(api, base) == [other]
    assert {row["status"] for row in api.get(f"{base}/executions", params={"limit": 200}).json()["data"]} == {
        "RETRYING",
        "FAILED",
    }
    assert sorted(failing.fail()) == sorted(made)
    assert ended(api, base, begun)["done"] == 120  # executions that fail again are not counted again


def test_what_fails_after_a_redrive_began_is_not_its_own(api: httpx.Client, base: str, failing: Failing) -> None:
    early = failing.one_shots(2)
    begun = api.post(f"{base}/dead-letters/redrive", json={})
    late = failing.one_shots(2, "other")
    failing.steps()
    assert ended(api, base, begun)["done"] == 2
    assert sorted(letters(api, base)) == sorted(late)
    assert {api.get(f"{base}/executions/{one}").json()["status"] for one in early} == {"RETRYING"}


def test_what_cannot_be_redriven_stays_and_is_counted_by_its_reason(
    api: httpx.Client, base: str, failing: Failing
) -> None:
    body = {"name": "gone", "endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"}
    assert api.post(f"{base}/jobs", json=body).status_code == 201
    assert api.post(f"{base}/jobs/gone/trigger").status_code == 202
    (of_cancelled,) = failing.fail()
    assert api.delete(f"{base}/jobs/gone").status_code == 200
    (of_deleted,) = failing.one_shots(1, "other")
    assert api.delete(f"{base}/endpoints/other").status_code in (200, 204)
    (good,) = failing.one_shots(1)
    begun = api.post(f"{base}/dead-letters/redrive", json={})
    failing.steps()
    over = ended(api, base, begun)
    assert (over["status"], over["done"], over["failed"], over["failures"]) == (
        "COMPLETED",
        1,
        2,
        {"job_cancelled": 1, "endpoint_deleted": 1},
    )
    assert letters(api, base) == [of_deleted, of_cancelled]
    assert api.get(f"{base}/executions/{good}").json()["status"] == "RETRYING"


def test_a_name_that_another_job_has_now_stops_no_redrive(api: httpx.Client, base: str, failing: Failing) -> None:
    """A one-shot that failed is over, so its name is free: the redrive would make it live again."""
    body = {"name": "nightly", "endpoint": "sink", "trigger": "IMMEDIATE"}
    assert api.post(f"{base}/jobs", json=body).status_code == 201
    (of_nightly,) = failing.fail()
    assert api.post(f"{base}/jobs", json=body | {"trigger": "CRON", "cron": "0 0 1 1 *"}).status_code == 201
    (good,) = failing.one_shots(1)
    refused = api.post(f"{base}/executions/{of_nightly}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "execution_not_retryable")
    assert "another live job" in refused.json()["detail"]
    begun = api.post(f"{base}/dead-letters/redrive", json={})
    failing.steps()
    over = ended(api, base, begun)
    assert (over["status"], over["done"], over["failures"]) == ("COMPLETED", 1, {"name_taken": 1})
    assert letters(api, base) == [of_nightly]
    assert api.get(f"{base}/executions/{good}").json()["status"] == "RETRYING"


def test_a_pace_is_kept(api: httpx.Client, base: str, failing: Failing, shared_superuser: psycopg.Connection) -> None:
    failing.one_shots(9)
    begun = api.post(f"{base}/dead-letters/redrive", json={"per_second": 8}).json()
    taken = shared_superuser.execute("select kronos.advance_operation(%s, 100)", [begun["operation_id"]]).fetchone()
    assert taken == (2,)  # a quarter of a second's worth
    waits = shared_superuser.execute(
        "select next_at - clock_timestamp() between interval '-1 hour' and interval '250 ms', next_at > created_at"
        "  from kronos.operations where operation_id = %s",
        [begun["operation_id"]],
    ).fetchone()
    assert waits == (True, True)


def test_a_discard_leaves_the_history_and_says_so(api: httpx.Client, base: str, failing: Failing) -> None:
    (one,) = failing.one_shots(1)
    (other,) = failing.one_shots(1, "other")
    begun = api.post(f"{base}/dead-letters/discard", json={"endpoint": "sink"})
    assert begun.json()["endpoint_version"] is None  # a discard delivers nothing
    failing.steps()
    over = ended(api, base, begun)
    assert (over["kind"], over["status"], over["done"]) == ("DISCARD", "COMPLETED", 1)
    assert letters(api, base) == [other]
    execution = api.get(f"{base}/executions/{one}").json()
    assert execution["status"] == "FAILED"
    assert execution["status_reason"]["code"] == "attempts_exhausted"
    assert execution["status_reason"]["operation_id"] == over["operation_id"]
    assert any("discarded" in line["message"] for line in api.get(f"{base}/executions/{one}/logs").json()["data"])
    assert api.post(f"{base}/executions/{one}/retry").status_code == 200  # discarded is not deleted


def test_one_that_is_stopped_goes_no_further(
    api: httpx.Client, base: str, failing: Failing, shared_superuser: psycopg.Connection
) -> None:
    failing.one_shots(5)
    begun = api.post(f"{base}/dead-letters/discard", json={}).json()
    shared_superuser.execute("select kronos.advance_operation(%s, 2)", [begun["operation_id"]])
    stopped = api.post(f"{base}/operations/{begun['operation_id']}/cancel").json()
    assert (stopped["status"], stopped["done"], stopped["status_reason"]["code"]) == ("CANCELLED", 2, "cancelled")
    failing.steps()
    assert len(letters(api, base)) == 3
    assert api.post(f"{base}/operations/{begun['operation_id']}/cancel").json() == stopped


def test_the_same_key_begins_one_operation(api: httpx.Client, base: str, failing: Failing) -> None:
    failing.one_shots(1)
    key = {"Idempotency-Key": uuid.uuid4().hex}
    one = api.post(f"{base}/dead-letters/redrive", json={"endpoint": "sink"}, headers=key)
    again = api.post(f"{base}/dead-letters/redrive", json={"endpoint": "sink"}, headers=key)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert one.json()["operation_id"] == again.json()["operation_id"]
    assert len(api.get(f"{base}/operations").json()["data"]) == 1
    other = api.post(f"{base}/dead-letters/redrive", json={}, headers=key)
    assert problem(other, 422)["code"] == "idempotency_mismatch"


@pytest.mark.parametrize("what", ["redrive", "discard"])
def test_a_filter_that_names_what_is_not_there_is_refused(api: httpx.Client, base: str, what: str) -> None:
    for body, pointer in (({"endpoint": "nowhere"}, "/endpoint"), ({"job": "nobody"}, "/job")):
        for more in ({}, {"validate_only": True}):
            found = problem(api.post(f"{base}/dead-letters/{what}", json=body | more), 422)
            assert [fault["pointer"] for fault in found["errors"]] == [pointer]
    assert api.get(f"{base}/operations").json()["data"] == []


def test_a_suspended_workspace_redrives_and_discards_nothing(api: httpx.Client, base: str, failing: Failing) -> None:
    failing.one_shots(1)
    before = api.post(f"{base}/dead-letters/redrive", json={})
    assert api.patch(base, json={"status": "SUSPENDED"}).status_code == 200
    assert problem(api.post(f"{base}/dead-letters/redrive", json={}), 409)["code"] == "workspace_suspended"
    failing.steps()
    assert ended(api, base, before)["status"] == "RUNNING"  # it waits for the workspace
    assert problem(api.post(f"{base}/dead-letters/discard", json={}), 409)["code"] == "workspace_suspended"
    assert api.patch(base, json={"status": "ACTIVE"}).status_code == 200
    failing.steps()
    assert (ended(api, base, before)["status"], ended(api, base, before)["done"]) == ("COMPLETED", 1)


def test_another_workspaces_are_not_there(api: httpx.Client, base: str, failing: Failing, own_slug: str) -> None:
    failing.one_shots(1)
    begun = api.post(f"{base}/dead-letters/redrive", json={}).json()
    theirs = f"/v1/workspaces/{own_slug}"
    assert letters(api, theirs) == []
    assert api.post(f"{theirs}/dead-letters/discard", json={"validate_only": True}).json() == {"count": 0}
    for path in (f"{theirs}/operations/{begun['operation_id']}", f"{theirs}/operations/{NOBODY}"):
        assert problem(api.get(path), 404)["code"] == "operation_not_found"
        assert problem(api.post(f"{path}/cancel"), 404)["code"] == "operation_not_found"


@pytest.fixture
def own_slug(api: httpx.Client) -> str:
    slug = f"w-{uuid.uuid4().hex[:12]}"
    assert api.post("/v1/workspaces", json={"slug": slug}).status_code == 201
    return slug


def test_operations_are_listed_newest_first(api: httpx.Client, base: str) -> None:
    made = [api.post(f"{base}/dead-letters/discard", json={}).json()["operation_id"] for _ in range(3)]
    first = api.get(f"{base}/operations", params={"limit": 2}).json()
    rest = api.get(f"{base}/operations", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [row["operation_id"] for row in first["data"] + rest["data"]] == made[::-1]


def test_a_running_worker_does_the_work(own_api: Api, own_workspace: str) -> None:
    """upkeep, which workers call, advances operations; no other call is needed."""
    base = f"/v1/workspaces/{own_workspace}"
    with psycopg.connect(own_api.database_url, autocommit=True) as superuser:
        failing = Failing(own_api.client, superuser, base)
        failing.one_shots(3)
        begun = own_api.client.post(f"{base}/dead-letters/redrive", json={})
        counted = superuser.execute("select backfilled from kronos.upkeep(100)").fetchone()
        assert counted == (0,)
        assert ended(own_api.client, base, begun)["status"] == "COMPLETED"
        assert superuser.execute("select backfilled from kronos.upkeep(100)").fetchone() == (None,)
