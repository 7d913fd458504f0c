"""Runs by hand of a job whose runs must not overlap: each call returns an existing execution, whatever became of it."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from conftest import Api
from faults.scene import Scene, await_waiting, endpoint_of
from worker.protocol import claim, finalize

pytestmark = pytest.mark.usefixtures("patient_requests")

POLICIES = ("SKIP", "QUEUE", "REPLACE")


def answers(scene: Scene, *triggers: httpx.Response) -> list[dict[str, object]]:
    """The executions of the answers; each of them exists, read by its id."""
    made = []
    for trigger in triggers:
        assert trigger.status_code == 202, trigger.text
        body = trigger.json()
        path = f"/v1/workspaces/{scene.workspace}/executions/{body['execution_id']}"
        assert scene.client.get(path).json()["cause"] == "MANUAL"
        made.append(body)
    return made


def codes(made: list[dict[str, Any]]) -> list[tuple[object, object]]:
    return [(one["status"], one["status_reason"] and one["status_reason"]["code"]) for one in made]


def statuses(scene: Scene, job: str) -> Counter[str]:
    listed = scene.client.get(f"{scene.jobs}/{job}/executions?limit=200").json()["data"]
    return Counter(one["status"] for one in listed)


@pytest.mark.parametrize(
    ("overlap", "answered", "left"),
    [
        ("ALLOW", [("QUEUED", None)] * 3, {"QUEUED": 3}),
        ("SKIP", [("QUEUED", None), *[("SKIPPED", "overlap")] * 2], {"QUEUED": 1, "SKIPPED": 2}),
        (
            "QUEUE",
            [("QUEUED", None), ("QUEUED", "overlap_waiting"), ("SKIPPED", "overlap_queue_full")],
            {"QUEUED": 2, "SKIPPED": 1},
        ),
        ("REPLACE", [("QUEUED", None)] * 3, {"QUEUED": 1, "CANCELLED": 2}),
    ],
)
@pytest.mark.parametrize("is_paused", [False, True], ids=["active", "paused"])
def test_each_run_by_hand_is_answered_with_what_became_of_it(
    scene: Scene, overlap: str, answered: list[tuple[str, str]], left: dict[str, int], is_paused: bool
) -> None:
    job = scene.created(overlap=overlap, name="nightly")
    if is_paused:
        assert scene.pause(job).status_code == 200
    before = scene.client.get(f"{scene.jobs}/{job}").json()
    made = answers(scene, *(scene.trigger(place) for place in (job, "nightly", job)))
    assert codes(made) == answered
    assert all(one["run_at"] == one["scheduled_at"] for one in made)
    assert statuses(scene, job) == left
    assert scene.client.get(f"{scene.jobs}/{job}").json() == before


def test_a_held_run_is_listed_as_queued_and_as_nothing_else(scene: Scene) -> None:
    job = scene.created(overlap="QUEUE")
    made = answers(scene, scene.trigger(job), scene.trigger(job))
    found = {
        status: [
            one["execution_id"]
            for one in scene.client.get(f"{scene.jobs}/{job}/executions?status={status}").json()["data"]
        ]
        for status in ("QUEUED", "PENDING", "RETRYING", "RUNNING")
    }
    assert found == {
        "QUEUED": [one["execution_id"] for one in reversed(made)],
        "PENDING": [],
        "RETRYING": [],
        "RUNNING": [],
    }


def test_what_cannot_be_triggered_leaves_nothing(scene: Scene) -> None:
    job = scene.created(overlap="SKIP")
    assert scene.delete(job).status_code == 200
    assert (scene.trigger(job).status_code, statuses(scene, job)) == (409, {})
    assert scene.trigger("nobody").status_code == 404
    assert Scene(client=scene.client, workspace="kronos-system").trigger("reaper").status_code == 403


@pytest.mark.parametrize(
    ("overlap", "left"),
    [
        ("SKIP", {"QUEUED": 1, "SKIPPED": 15}),
        ("QUEUE", {"QUEUED": 2, "SKIPPED": 14}),
        ("REPLACE", {"QUEUED": 1, "CANCELLED": 15}),
    ],
)
def test_of_sixteen_at_once_as_many_run_as_may(
    scene: Scene, su: psycopg.Connection, module_api: Api, overlap: str, left: dict[str, int]
) -> None:
    job = scene.created(overlap=overlap)
    with psycopg.connect(module_api.database_url) as holder, ThreadPoolExecutor(16) as threads:
        holder.execute("select from kronos.jobs where job_id = %s for update", [job])
        at_once = [threads.submit(scene.trigger, job) for _ in range(16)]
        assert await_waiting(su, 8)
        holder.commit()
        answers(scene, *(one.result(60) for one in at_once))
    assert statuses(scene, job) == left


@pytest.mark.parametrize("by_name", [True, False], ids=["name", "id"])
@pytest.mark.parametrize("overlap", ["ALLOW", "SKIP"])
def test_a_run_by_hand_meets_the_version_that_is_live_when_it_gets_its_turn(
    scene: Scene, su: psycopg.Connection, module_api: Api, overlap: str, by_name: bool
) -> None:
    job = scene.created(overlap=overlap, name="nightly")
    with psycopg.connect(module_api.database_url) as holder, ThreadPoolExecutor(2) as threads:
        holder.execute("select from kronos.jobs where job_id = %s for update", [job])
        patch = threads.submit(scene.patch, job, input={"version": 2})
        assert await_waiting(su, 1)
        trigger = threads.submit(scene.trigger, "nightly" if by_name else job)
        assert await_waiting(su, 2)
        holder.commit()
        assert patch.result(60).status_code == 200
        answer = trigger.result(60)
    if by_name:
        (made,) = answers(scene, answer)
        assert (made["input"], made["job_id"]) == ({"version": 2}, patch.result().json()["job_id"])
    else:
        assert answer.status_code == 409


@pytest.mark.parametrize(
    ("ended", "verdict"), [("SUCCESS", "SUCCESS"), ("PERMANENT", "FAILED"), ("FAILED", "CANCELLED")]
)
def test_a_job_that_is_deleted_while_one_runs_and_one_waits_ends_with_both_ended(
    scene: Scene, worker: psycopg.Connection, su: psycopg.Connection, ended: str, verdict: str
) -> None:
    job = scene.created(overlap="QUEUE")
    first, _ = answers(scene, scene.trigger(job), scene.trigger(job))
    token, claimed = claim(worker, endpoint_of(su, scene))
    assert [str(one) for one in claimed] == [first["execution_id"]]
    assert scene.delete(job).status_code == 200
    assert statuses(scene, job) == {"RUNNING": 1, "CANCELLED": 1}
    assert finalize(worker, token, claimed, ended) == {claimed[0]: verdict}
    assert statuses(scene, job) == Counter([verdict, "CANCELLED"])
    assert scene.client.get(f"{scene.jobs}/{job}").json()["status"] == "RETIRED"


def test_a_run_that_waits_can_be_cancelled_and_then_another_may(scene: Scene) -> None:
    job = scene.created(overlap="QUEUE")
    first, second = answers(scene, scene.trigger(job), scene.trigger(job))
    path = f"/v1/workspaces/{scene.workspace}/executions"
    assert scene.client.post(f"{path}/{second['execution_id']}/cancel").json()["status"] == "CANCELLED"
    (third,) = answers(scene, scene.trigger(job))
    assert codes([third]) == [("QUEUED", "overlap_waiting")]
    assert scene.client.post(f"{path}/{first['execution_id']}/cancel").json()["status"] == "CANCELLED"
    let_go = scene.client.get(f"{path}/{third['execution_id']}").json()
    assert (let_go["status"], let_go["status_reason"]) == ("QUEUED", None)
    retried = scene.client.post(f"{path}/{first['execution_id']}/retry").json()
    assert (retried["status"], retried["status_reason"]["running"]) == ("QUEUED", third["execution_id"])
