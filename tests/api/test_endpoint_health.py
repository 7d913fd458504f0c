"""Retry policies over HTTP, and endpoints that are disabled, enabled and slowed down: what is shown, and where."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from api_answers import DEFAULT_POLICY, problem_of
from explain_scene import Scene

POLICY: dict[str, Any] = {
    "max_attempts": 7,
    "jitter": "full",
    "delays_ms": [1000, 30_000],
    "max_age_seconds": 3600,
    "retryable_status_codes": [409, 503],
    "permanent_status_codes": [501],
    "slow_down_status_codes": [],
    "retry_unknown": False,
    "disable_after_seconds": 86_400,
    "disable_after_attempts": 20,
    "probe_seconds": None,
}
HOOK: dict[str, Any] = {"name": "hook", "type": "HTTP", "spec": {"url": "https://example.com/hook"}}
STORED = (
    "select {} from kronos.endpoint_versions as made_of join kronos.endpoints using (endpoint_id)"
    "  join kronos.workspaces as workspace on workspace.workspace_id = endpoints.workspace_id"
    " where workspace.slug = %s and endpoints.name = 'hook'"
)
SLOWED = (
    "update kronos.endpoint_gate as gate set paused_until = kronos.now() + interval '1 h', trial_seconds = 0"
    "  from kronos.jobs as job where gate.endpoint_id = job.endpoint_id and job_id = %(job)s"
)
HEALTH = (
    "insert into kronos.endpoint_health (endpoint_id, workspace_id, state, reason, is_watched, failures, failing_since)"
    " select endpoint_id, workspace_id, %(state)s, jsonb_build_object('code', %(code)s::text, 'detail', 'told so'),"
    "        true, 3, now() from kronos.jobs where job_id = %(job)s"
)


def made(api: httpx.Client, workspace: str, **body: Any) -> dict[str, Any]:
    answered = api.post(f"/v1/workspaces/{workspace}/endpoints", json={**HOOK, **body})
    assert answered.status_code == 201, answered.text
    endpoint: dict[str, Any] = answered.json()
    return endpoint


def test_a_policy_is_given_back_as_it_was_given_and_may_be_edited(api: httpx.Client, workspace: str) -> None:
    endpoint = made(api, workspace, retry_policy=POLICY, on_disabled="SKIP")
    assert {name: endpoint["retry_policy"][name] for name in POLICY} == POLICY
    assert endpoint["on_disabled"] == "SKIP"
    path = f"/v1/workspaces/{workspace}/endpoints/hook"
    edited = api.put(path, json={**endpoint, "retry_policy": {**endpoint["retry_policy"], "jitter": "none"}})
    assert (edited.status_code, edited.json()["version"]) == (200, 2), edited.text
    assert edited.json()["retry_policy"] == {**endpoint["retry_policy"], "jitter": "none"}


def test_a_policy_that_says_nothing_shows_the_defaults(api: httpx.Client, workspace: str) -> None:
    endpoint = made(api, workspace)
    assert endpoint["retry_policy"] == DEFAULT_POLICY
    assert (endpoint["on_disabled"], endpoint["health"]["state"]) == ("WAIT", "HEALTHY")


def test_a_policy_that_says_nothing_new_is_stored_as_the_release_before_reads_it(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    made(api, workspace)
    ((stored,),) = shared_superuser.execute(STORED.format("retry_policy").encode(), [workspace]).fetchall()
    assert set(stored) == {
        "max_attempts", "backoff", "initial_delay_ms", "max_delay_ms", "max_retry_after_seconds", "max_crashes",
    }  # fmt: skip


def test_where_nothing_unknown_is_sent_again_a_lost_attempt_is_not_either(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    made(api, workspace, retry_policy={"retry_unknown": False, "max_crashes": 3})
    assert shared_superuser.execute(STORED.format("max_crashes").encode(), [workspace]).fetchall() == [(0,)]


@pytest.mark.parametrize(
    ("policy", "pointer"),
    [
        ({"jitter": "some"}, "/retry_policy/jitter"),
        ({"delays_ms": []}, "/retry_policy/delays_ms"),
        ({"delays_ms": [-1]}, "/retry_policy/delays_ms/0"),
        ({"max_age_seconds": 0}, "/retry_policy/max_age_seconds"),
        ({"retryable_status_codes": [99]}, "/retry_policy/retryable_status_codes/0"),
        (
            {"retryable_status_codes": [500, 501], "permanent_status_codes": [501]},
            "/retry_policy/permanent_status_codes",
        ),
        ({"probe_seconds": 0}, "/retry_policy/probe_seconds"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_where_it_stands(
    api: httpx.Client, workspace: str, policy: dict[str, Any], pointer: str
) -> None:
    answered = api.post(f"/v1/workspaces/{workspace}/endpoints", json={**HOOK, "retry_policy": policy})
    assert answered.status_code == 422
    assert [fault["pointer"] for fault in problem_of(answered)["errors"]] == [pointer]
    assert api.get(f"/v1/workspaces/{workspace}/endpoints/hook").status_code == 404


def test_status_codes_are_for_http(api: httpx.Client, workspace: str) -> None:
    spec = {"redis_url": "redis://redis.example.com:6379/0", "stream": "s"}
    body = {"name": "s", "type": "REDIS_STREAM", "spec": spec}
    answered = api.post(
        f"/v1/workspaces/{workspace}/endpoints", json={**body, "retry_policy": {"retryable_status_codes": [500]}}
    )
    assert (answered.status_code, problem_of(answered)["errors"][0]["pointer"]) == (
        422,
        "/retry_policy/retryable_status_codes",
    )


def test_an_endpoint_is_disabled_and_enabled_by_hand(api: httpx.Client, workspace: str) -> None:
    made(api, workspace)
    path = f"/v1/workspaces/{workspace}/endpoints/hook"
    before = api.get(path).headers["ETag"]
    first = api.post(f"{path}/disable", json={"note": "moving"})
    health = first.json()["health"]
    assert (first.status_code, health["state"], health["reason"]["code"]) == (200, "DISABLED", "by_hand")
    assert (health["reason"]["note"], health["until"], health["on_trial"]) == ("moving", None, False)
    assert health["reason"]["actor"]
    again = api.post(f"{path}/disable")
    assert again.json()["health"] == health  # unchanged: the first time and the first reason
    assert api.get(path, headers={"If-None-Match": before}).json()["health"] == health
    kept = api.put(path, json={**api.get(path).json(), "title": "Hook"})
    assert (kept.status_code, kept.json()["health"]["state"]) == (200, "DISABLED")
    enabled = api.post(f"{path}/enable")
    assert (enabled.status_code, enabled.json()["health"]["state"], enabled.json()["version"]) == (200, "HEALTHY", 2)
    assert api.post(f"{path}/enable").json()["health"] == enabled.json()["health"]


def test_a_note_that_comes_later_is_kept_with_the_time_of_the_first(api: httpx.Client, workspace: str) -> None:
    """As with a job that is paused twice. The note was dropped, and 200 answered."""
    made(api, workspace)
    path = f"/v1/workspaces/{workspace}/endpoints/hook/disable"
    first = api.post(path).json()["health"]
    noted = api.post(path, json={"note": "its disk is full"}).json()["health"]
    assert (noted["reason"]["note"], noted["since"]) == ("its disk is full", first["since"])
    other = api.post(path, json={"note": "replaced on Monday"}).json()["health"]
    assert (other["reason"]["note"], other["since"]) == ("replaced on Monday", first["since"])
    assert api.post(path).json()["health"] == other


@pytest.mark.parametrize("verb", ["enable", "disable"])
def test_no_endpoint_of_the_name_is_404(api: httpx.Client, workspace: str, verb: str) -> None:
    answered = api.post(f"/v1/workspaces/{workspace}/endpoints/nobody/{verb}")
    assert (answered.status_code, answered.json()["code"]) == (404, "endpoint_not_found")


def test_a_note_that_is_none_is_refused(api: httpx.Client, workspace: str) -> None:
    made(api, workspace)
    answered = api.post(f"/v1/workspaces/{workspace}/endpoints/hook/disable", json={"note": "x" * 501})
    assert (answered.status_code, problem_of(answered)["errors"][0]["pointer"]) == (422, "/note")


def test_what_waits_for_a_disabled_endpoint_says_so_in_explain_and_status(scene: Scene) -> None:
    job_id, tick = scene.due()
    scene.client.post(f"/v1/workspaces/{scene.workspace}/endpoints/sink/disable", json={"note": "moving"})
    assert scene.told(job_id, tick) == ("WAITING", "endpoint_disabled")
    assert "(moving)" in scene.explain(job_id, tick)["because"]
    warned = scene.client.get(f"{scene.base}/{job_id}/status").json()["warnings"]
    assert "the endpoint sink has been DISABLED since" in warned[0]
    scene.client.post(f"/v1/workspaces/{scene.workspace}/endpoints/sink/enable")
    assert scene.told(job_id, tick) == ("WAITING", "no_worker")


def test_an_execution_that_is_due_says_what_it_waits_for(scene: Scene) -> None:
    """Also one that belongs to no tick, which explain is not asked about."""
    job_id, _ = scene.due()
    scene.client.post(f"/v1/workspaces/{scene.workspace}/endpoints/sink/disable", json={"note": "moving"})
    waiting = {"code": "waiting", "detail": "endpoint sink is disabled: it was disabled by hand (moving)"}
    made = scene.client.post(f"{scene.base}/{job_id}/trigger").json()
    path = f"/v1/workspaces/{scene.workspace}/executions/{made['execution_id']}"
    assert scene.client.get(path).json()["status_reason"] == waiting
    scene.client.post(f"/v1/workspaces/{scene.workspace}/endpoints/sink/enable")
    assert scene.client.get(path).json()["status_reason"] is None
    scene.client.post(f"/v1/workspaces/{scene.workspace}/endpoints/sink/disable")
    scene.client.post(f"{path}/cancel")
    assert scene.client.get(path).json()["status_reason"]["code"] == "cancelled"


def test_a_one_shot_that_is_not_due_waits_for_its_time_only(scene: Scene) -> None:
    scene.client.post(f"/v1/workspaces/{scene.workspace}/endpoints/sink/disable")
    body = {"endpoint": "sink", "trigger": "DELAYED", "run_at": "2099-01-01T00:00:00Z"}
    made = scene.client.post(f"/v1/workspaces/{scene.workspace}/jobs", json=body).json()
    found = scene.client.get(f"/v1/workspaces/{scene.workspace}/executions/{made['job_id']}").json()
    assert (found["status"], found["status_reason"]) == ("PENDING", None)


def test_what_waits_for_a_slowed_endpoint_says_until_when_and_then_for_its_trial(scene: Scene) -> None:
    job_id, tick = scene.due()
    scene.connection.execute(SLOWED, {"job": job_id})
    scene.connection.execute(HEALTH, {"job": job_id, "state": "SLOWED", "code": "slow_down"})
    assert scene.told(job_id, tick) == ("WAITING", "endpoint_slowed")
    (warning, *_) = scene.client.get(f"{scene.base}/{job_id}/status").json()["warnings"]
    assert "has been SLOWED since" in warning
    scene.connection.execute("update kronos.endpoint_gate set paused_until = '-infinity', in_flight = 1"
                             " where endpoint_id = (select endpoint_id from kronos.jobs where job_id = %s)",
                             [job_id])  # fmt: skip
    assert scene.told(job_id, tick) == ("WAITING", "endpoint_on_trial")


def test_ticks_of_a_disabled_endpoint_wait_or_are_skipped_as_it_says(scene: Scene) -> None:
    first, second = scene.minute - timedelta(minutes=2), scene.minute - timedelta(minutes=1)
    waiting = scene.make_old(first, max_runs=5)
    sink = f"/v1/workspaces/{scene.workspace}/endpoints/sink"
    scene.client.post(f"{sink}/disable")
    scene.ring(waiting, first)
    assert scene.told(waiting, first) == ("WAITING", "endpoint_disabled")
    scene.client.put(sink, json={**scene.client.get(sink).json(), "on_disabled": "SKIP"})
    scene.ring(waiting, second)
    assert scene.told(waiting, second) == ("SKIPPED", "endpoint_disabled")
    runs = scene.client.get(f"{scene.base}/{waiting}/executions").json()["data"]
    told = [(run["status"], (run["status_reason"] or {}).get("code")) for run in runs]
    assert told == [("SKIPPED", "endpoint_disabled"), ("QUEUED", None)]
    ahead = scene.explain(waiting, datetime.now(UTC) + timedelta(minutes=3))
    assert (ahead["decision"], ahead["code"]) == ("WILL_BE_SKIPPED", "endpoint_disabled")
    counted = "select runs from kronos.pointers where job_id = %s"
    assert scene.connection.execute(counted, [waiting]).fetchall() == [(1,)]  # a skipped tick does not count as a run
