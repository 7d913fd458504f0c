"""Backfills over HTTP: counted first, then started, read and cancelled; and what is rejected."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from api_answers import problem_of
from backfill_rows import next_version
from conftest import Api, holding, make_workspace
from factory import add_key
from faults.scene import await_waiting

WINDOW = {"from": "2024-03-12T12:00:00Z", "to": "2024-03-12T12:30:00Z"}
EVERY_MINUTE = {"name": "minutely", "endpoint": "sink", "trigger": "CRON", "cron": "* * * * *"}
NOBODY = "0193f0c8-7a1e-7cc3-9b5a-4c1d2e3f4a5b"


@pytest.fixture
def job(api: httpx.Client, workspace: str) -> dict[str, Any]:
    """A CRON job named minutely that ticks every minute."""
    made = api.post(f"/v1/workspaces/{workspace}/jobs", json=EVERY_MINUTE)
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def start(api: httpx.Client, workspace: str, job: str = "minutely", **more: Any) -> httpx.Response:
    return api.post(f"/v1/workspaces/{workspace}/jobs/{job}/backfill", json=WINDOW | more)


def started(api: httpx.Client, workspace: str, job: str = "minutely", **more: Any) -> dict[str, Any]:
    response = start(api, workspace, job, **more)
    assert response.status_code == 202, response.text
    made: dict[str, Any] = response.json()
    return made


def written(superuser: psycopg.Connection, workspace: str) -> tuple[Any, ...]:
    """Everything that a backfill could have written in the workspace."""
    row = superuser.execute(
        """
        select (select count(*) from kronos.backfills where workspace_id = workspace.workspace_id),
               (select count(*) from kronos.executions where workspace_id = workspace.workspace_id),
               (select array_agg(job::text order by job_id) from kronos.jobs as job
                   where workspace_id = workspace.workspace_id)
          from kronos.workspaces as workspace where slug = %s
        """,
        [workspace],
    ).fetchone()
    assert row is not None
    return row


def test_ticks_are_counted_first_and_nothing_is_written(
    api: httpx.Client, workspace: str, job: dict[str, Any], shared_superuser: psycopg.Connection
) -> None:
    before = written(shared_superuser, workspace)
    answer = start(api, workspace, validate_only=True)
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "ticks": 30,
            "left_out": 0,
            "to_run": 30,
            "redriven": 0,
            "first": "2024-03-12T12:00:00Z",
            "last": "2024-03-12T12:29:00Z",
        },
    )
    assert written(shared_superuser, workspace) == before


def test_a_backfill_begins_at_once_and_leaves_the_schedule_alone(
    api: httpx.Client, workspace: str, job: dict[str, Any]
) -> None:
    response = start(api, workspace, max_active=4)
    made = response.json()
    assert response.status_code == 202
    assert made | {"backfill_id": None, "created_at": None} == {
        "backfill_id": None,
        "job_id": job["job_id"],
        "workspace": workspace,
        "status": "RUNNING",
        "status_reason": None,
        "from": "2024-03-12T12:00:00Z",
        "to": "2024-03-12T12:30:00Z",
        "max_active": 4,
        "include": ["MISSED", "SKIPPED", "CANCELLED"],
        "ticks": 30,
        "created": 4,
        "redriven": 0,
        "left_out": 0,
        "progress": {
            "undecided": 26,
            "waiting": 4,
            "running": 0,
            "succeeded": 0,
            "failed": 0,
            "cancelled": 0,
            "skipped": 0,
        },
        "created_at": None,
        "completed_at": None,
        "priority": 0,
    }
    assert response.headers["location"] == f"/v1/workspaces/{workspace}/backfills/{made['backfill_id']}"
    assert api.get(response.headers["location"]).json() == made
    runs = api.get(f"/v1/workspaces/{workspace}/executions").json()["data"]
    assert {(run["cause"], run["status"]) for run in runs if run["cause"] != "SCHEDULE"} == {("BACKFILL", "QUEUED")}
    assert sorted(run["scheduled_at"] for run in runs if run["cause"] == "BACKFILL") == [
        f"2024-03-12T12:0{n}:00Z" for n in range(4)
    ]
    present = api.get(f"/v1/workspaces/{workspace}/jobs/minutely").json()
    assert (present["job_id"], present["status"]) == (job["job_id"], "ACTIVE")
    assert datetime.fromisoformat(present["next_run_at"]) >= datetime.fromisoformat(job["next_run_at"])


def test_the_answer_has_the_fields_that_the_document_tells(
    api: httpx.Client, workspace: str, job: dict[str, Any]
) -> None:
    schemas = api.get("/openapi.json").json()["components"]["schemas"]
    assert list(started(api, workspace)) == list(schemas["Backfill"]["properties"])
    assert list(start(api, workspace, validate_only=True).json()) == list(schemas["BackfillCount"]["properties"])
    assert set(schemas["BackfillCreate"]["properties"]) == {
        "from", "to", "max_active", "include", "validate_only", "priority",
    }  # fmt: skip


def test_ticks_of_another_backfill_are_left_out_until_it_is_cancelled(
    api: httpx.Client, workspace: str, job: dict[str, Any]
) -> None:
    first = started(api, workspace, max_active=12)
    counted = start(api, workspace, validate_only=True).json()
    assert (counted["ticks"], counted["left_out"], counted["to_run"]) == (30, 12, 18)
    api.post(f"/v1/workspaces/{workspace}/backfills/{first['backfill_id']}/cancel")
    assert start(api, workspace, validate_only=True).json()["left_out"] == 0
    second = started(api, workspace, max_active=100)
    assert (second["created"], second["left_out"], second["progress"]["waiting"]) == (30, 0, 30)
    third = started(api, workspace)
    assert (third["status"], third["created"], third["left_out"]) == ("COMPLETED", 0, 30)


def test_cancelling_stops_it_and_cancelling_again_changes_nothing(
    api: httpx.Client, workspace: str, job: dict[str, Any]
) -> None:
    path = f"/v1/workspaces/{workspace}/backfills/{started(api, workspace)['backfill_id']}"
    answers = [api.post(path + "/cancel"), api.post(path + "/cancel"), api.get(path)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    cancelled = answers[0].json()
    assert (cancelled["status"], cancelled["status_reason"]["code"], cancelled["progress"]["cancelled"]) == (
        "CANCELLED",
        "cancelled",
        10,
    )
    assert cancelled["completed_at"] is not None
    assert answers[1].json() == answers[2].json() == cancelled
    (one, *_) = api.get(f"/v1/workspaces/{workspace}/executions", params={"status": "CANCELLED"}).json()["data"]
    assert one["status_reason"]["code"] == "backfill_cancelled"


def test_a_retried_execution_is_its_backfills_still(api: httpx.Client, workspace: str, job: dict[str, Any]) -> None:
    made = started(api, workspace, max_active=3)
    path = f"/v1/workspaces/{workspace}/backfills/{made['backfill_id']}"
    (one, *_) = api.get(
        f"/v1/workspaces/{workspace}/executions", params={"scheduled_before": "2024-03-13T00:00:00Z"}
    ).json()["data"]
    execution = f"/v1/workspaces/{workspace}/executions/{one['execution_id']}"
    assert api.post(execution + "/cancel").status_code == 200
    assert (api.get(path).json()["progress"]["waiting"], api.get(path).json()["progress"]["cancelled"]) == (2, 1)
    assert api.post(execution + "/retry").status_code == 200
    assert (api.get(path).json()["progress"]["waiting"], api.get(path).json()["progress"]["cancelled"]) == (3, 0)


def test_cancelling_the_job_cancels_its_backfill_with_it(
    api: httpx.Client, workspace: str, job: dict[str, Any]
) -> None:
    made = started(api, workspace)
    api.patch(f"/v1/workspaces/{workspace}/jobs/minutely", json={"cron": "0 0 * * *"})
    path = f"/v1/workspaces/{workspace}/backfills/{made['backfill_id']}"
    assert api.get(path).json()["status"] == "RUNNING"
    assert api.delete(f"/v1/workspaces/{workspace}/jobs/minutely").status_code == 200
    cancelled = api.get(path).json()
    assert (cancelled["status"], cancelled["status_reason"]["code"]) == ("CANCELLED", "job_cancelled")
    assert (cancelled["progress"]["waiting"], cancelled["progress"]["cancelled"]) == (0, 10)


def test_backfills_of_all_versions_are_listed_newest_first_page_by_page(
    api: httpx.Client, workspace: str, job: dict[str, Any]
) -> None:
    made = [started(api, workspace, max_active=1)["backfill_id"] for _ in range(2)]
    api.patch(f"/v1/workspaces/{workspace}/jobs/minutely", json={"cron": "*/5 * * * *"})
    made += [started(api, workspace, max_active=1)["backfill_id"] for _ in range(3)]
    for ref in ("minutely", job["job_id"]):
        listed, cursor = [], None
        while True:
            query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            answer = api.get(f"/v1/workspaces/{workspace}/jobs/{ref}/backfills", params=query).json()
            listed += [row["backfill_id"] for row in answer["data"]]
            if (cursor := answer["next_cursor"]) is None:
                break
        assert listed == made[::-1]


def test_a_job_without_backfills_has_an_empty_list_and_no_job_none(
    api: httpx.Client, workspace: str, job: dict[str, Any]
) -> None:
    path = f"/v1/workspaces/{workspace}/jobs"
    assert api.get(f"{path}/minutely/backfills").json() == {"data": [], "next_cursor": None}
    assert problem_of(api.get(f"{path}/nothing/backfills"))["code"] == "job_not_found"


def test_a_paused_jobs_past_can_be_run(api: httpx.Client, workspace: str, job: dict[str, Any]) -> None:
    assert api.post(f"/v1/workspaces/{workspace}/jobs/minutely/pause").status_code == 200
    assert started(api, workspace)["created"] == 10
    assert api.get(f"/v1/workspaces/{workspace}/jobs/minutely").json()["status"] == "PAUSED"


def test_the_ticks_of_a_pause_can_be_run(
    api: httpx.Client, workspace: str, job: dict[str, Any], shared_superuser: psycopg.Connection
) -> None:
    api.post(f"/v1/workspaces/{workspace}/jobs/minutely/pause")
    # As if the job had been paused for five minutes.
    ((now,),) = shared_superuser.execute(
        "update tests.jobs set next_tick_at = date_trunc('minute', now()) - interval '5 minutes' where job_id = %s "
        "returning now()",
        [job["job_id"]],
    ).fetchall()
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    window = {"from": (minute - timedelta(minutes=4)).isoformat(), "to": minute.isoformat()}
    made = started(api, workspace, **window)
    assert (made["ticks"], made["created"], made["left_out"]) == (4, 4, 0)
    runs = api.get(f"/v1/workspaces/{workspace}/jobs/minutely/executions").json()["data"]
    assert [run["status_reason"]["code"] for run in runs if run["status"] == "SKIPPED"] == ["paused"]


def test_another_workspaces_backfill_is_not_there(
    api: httpx.Client, workspace: str, job: dict[str, Any], shared_superuser: psycopg.Connection
) -> None:
    made = started(api, workspace)
    neighbour = make_workspace(api)
    path = f"/v1/workspaces/{neighbour}/backfills/{made['backfill_id']}"
    before = written(shared_superuser, workspace)
    for answer in (
        api.get(path),
        api.post(path + "/cancel"),
        api.get(f"/v1/workspaces/{workspace}/backfills/{NOBODY}"),
    ):
        assert (answer.status_code, problem_of(answer)["code"]) == (404, "backfill_not_found")
    for answer in (
        start(api, neighbour, job["job_id"]),
        api.get(f"/v1/workspaces/{neighbour}/jobs/{job['job_id']}/backfills"),
    ):
        assert (answer.status_code, problem_of(answer)["code"]) == (404, "job_not_found")
    assert written(shared_superuser, workspace) == before


IN_A_DAY = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"to": WINDOW["to"]}, "/from", "2026-11-01T00:00:00Z"),
    ({"from": WINDOW["from"]}, "/to", "2026-11-08T00:00:00Z"),
    ({"from": "yesterday", "to": WINDOW["to"]}, "/from", "RFC 3339"),
    ({"from": 5, "to": WINDOW["to"]}, "/from", "RFC 3339"),
    ({"from": WINDOW["to"], "to": WINDOW["from"]}, "/to", "after from"),
    ({"from": WINDOW["to"], "to": WINDOW["to"]}, "/to", "after from"),
    ({"from": WINDOW["from"], "to": IN_A_DAY}, "/to", "has passed"),
    ({"from": "2023-01-01T00:00:00Z", "to": "2024-01-01T00:00:00Z"}, "/to", "2023-03-11T10:40:00+00:00"),
    (WINDOW | {"max_active": 0}, "/max_active", "10"),
    (WINDOW | {"max_active": 1001}, "/max_active", "10"),
    (WINDOW | {"max_active": "10"}, "/max_active", "10"),
    (WINDOW | {"form": WINDOW["from"]}, "/form", "from"),
    (WINDOW | {"from_": WINDOW["from"]}, "/from_", "from"),
    (WINDOW | {"wholly_unknown": 1}, "/wholly_unknown", "from, include, max_active, priority, to, validate_only"),
]


@pytest.mark.parametrize("validate_only", [False, True])
def test_a_bad_window_is_refused_and_nothing_is_written(
    api: httpx.Client, workspace: str, job: dict[str, Any], shared_superuser: psycopg.Connection, validate_only: bool
) -> None:
    before = written(shared_superuser, workspace)
    for body, pointer, hint in BAD:
        answer = api.post(
            f"/v1/workspaces/{workspace}/jobs/minutely/backfill", json=body | {"validate_only": validate_only}
        )
        problem = problem_of(answer)
        (fault,) = problem["errors"]
        told = (answer.status_code, problem["code"], fault["pointer"])
        assert told == (422, "input_validation_failed", pointer), body
        assert hint in fault["hint"], (body, fault)
        assert written(shared_superuser, workspace) == before, body


def test_the_most_ticks_are_counted_and_the_hint_for_more_is_just_as_many(
    api: httpx.Client, workspace: str, job: dict[str, Any]
) -> None:
    counted = start(
        api, workspace, **{"from": "2023-01-01T00:00:00Z", "to": "2023-03-11T10:40:00Z"}, validate_only=True
    )
    assert (counted.status_code, counted.json()["ticks"]) == (200, 100_000)


@pytest.mark.parametrize("bad", ["nothing", "0193f0c8", NOBODY + "0"])
def test_an_id_that_is_none_is_refused(api: httpx.Client, workspace: str, bad: str) -> None:
    for answer in (
        api.get(f"/v1/workspaces/{workspace}/backfills/{bad}"),
        api.post(f"/v1/workspaces/{workspace}/backfills/{bad}/cancel"),
    ):
        assert (answer.status_code, problem_of(answer)["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("validate_only", [False, True])
def test_only_a_live_cron_job_has_a_past_to_run(
    api: httpx.Client, workspace: str, job: dict[str, Any], shared_superuser: psycopg.Connection, validate_only: bool
) -> None:
    jobs = f"/v1/workspaces/{workspace}/jobs"
    once = api.post(jobs, json={"endpoint": "sink", "trigger": "IMMEDIATE"}).json()["job_id"]
    newer = api.patch(f"{jobs}/minutely", json={"cron": "*/5 * * * *"}).json()["job_id"]
    retired = api.post(jobs, json=EVERY_MINUTE | {"name": "retired"}).json()["job_id"]
    api.delete(f"{jobs}/retired")
    before = written(shared_superuser, workspace)
    for ref in (once, job["job_id"], retired, "retired"):
        answer = start(api, workspace, ref, validate_only=validate_only)
        code = "job_not_updatable" if ref == job["job_id"] else "conflict"  # replaced; the job continues
        assert (answer.status_code, problem_of(answer)["code"]) == (409, code)
    assert written(shared_superuser, workspace) == before
    assert start(api, workspace, newer, validate_only=True).json()["ticks"] == 6


def test_a_suspended_workspace_takes_no_backfill(
    api: httpx.Client, workspace: str, job: dict[str, Any], shared_superuser: psycopg.Connection
) -> None:
    assert api.patch(f"/v1/workspaces/{workspace}", json={"status": "SUSPENDED"}).status_code == 200
    answer = start(api, workspace)
    assert (answer.status_code, problem_of(answer)["code"]) == (409, "workspace_suspended")
    assert shared_superuser.execute(
        "select count(*) from kronos.backfills where job_id = %s", [job["job_id"]]
    ).fetchone() == (0,)


def test_a_name_that_goes_to_a_newer_version_meanwhile_is_backfilled_as_that(own_api: Api, own_workspace: str) -> None:
    """The version that was counted is replaced before the backfill locks it."""
    client = own_api.client
    old = client.post(f"/v1/workspaces/{own_workspace}/jobs", json=EVERY_MINUTE).json()["job_id"]
    with (
        psycopg.connect(own_api.database_url, autocommit=True) as superuser,
        psycopg.connect(own_api.database_url) as overtaking,
        ThreadPoolExecutor(1) as caller,
    ):
        superuser.execute(
            "alter function kronos.settle_ticks(uuid) set lock_timeout = 0"
        )  # the request waits, however slow the test is
        newer = next_version(overtaking, uuid.UUID(old), name="minutely")
        call = caller.submit(start, client, own_workspace)
        await_waiting(superuser, 1, call.done)
        overtaking.commit()
        response = call.result(60)
    assert (response.status_code, response.json()["job_id"]) == (202, str(newer)), response.text


def test_a_backfill_ends_with_the_key_that_began_it(
    api: httpx.Client, workspace: str, job: dict[str, Any], shared_superuser: psycopg.Connection
) -> None:
    with holding(api, add_key(shared_superuser, workspace, "operator")) as operator:
        begun = started(operator, workspace, max_active=2)
    keys = api.get(f"/v1/workspaces/{workspace}/keys").json()["data"]
    (listed,) = [key for key in keys if key["role"] == "operator"]
    assert api.delete(f"/v1/workspaces/{workspace}/keys/{listed['key_id']}").status_code == 204
    shared_superuser.execute("select kronos.advance_backfill(%s, 100)", [begun["backfill_id"]])
    found = api.get(f"/v1/workspaces/{workspace}/backfills/{begun['backfill_id']}").json()
    assert (found["status"], found["status_reason"]["code"]) == ("CANCELLED", "caller_ended")
    assert "was revoked" in found["status_reason"]["detail"]
    assert (found["progress"]["cancelled"], found["progress"]["undecided"]) == (2, 28)
