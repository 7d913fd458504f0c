"""A suspended workspace has no entry and no delivery, and every tick is recorded. When resumed, it continues as
before.
"""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from alert_rows import add_incident
from api_answers import problem_of
from conftest import Api, minute_with_time_left
from faults.scene import Scene, snapshot
from worker.protocol import FULL_LOOK, as_worker, run

MINUTE = timedelta(minutes=1)


@pytest.fixture
def scene(api: httpx.Client, workspace: str) -> Scene:
    return Scene(client=api, workspace=workspace)


def turn(scene: Scene, status: str) -> httpx.Response:
    return scene.client.patch(f"/v1/workspaces/{scene.workspace}", json={"status": status})


def turned(scene: Scene, status: str) -> dict[str, Any]:
    answer = turn(scene, status)
    assert answer.status_code == 200, answer.text
    workspace: dict[str, Any] = answer.json()
    assert workspace["status"] == status
    return workspace


def read(scene: Scene, job: str) -> dict[str, Any]:
    answer: dict[str, Any] = scene.client.get(f"{scene.jobs}/{job}").json()
    return answer


def entries(superuser: psycopg.Connection, scene: Scene) -> list[str]:
    """The ids of the workspace's jobs that have an entry."""
    rows = superuser.execute(
        """
        select job.job_id::text
          from cron.job as entry
          join kronos.jobs as job on entry.jobname = 'kronos:' || job.job_id
          join kronos.workspaces as workspace using (workspace_id)
         where workspace.slug = %s order by 1
        """,
        [scene.workspace],
    )
    return [job for (job,) in rows]


def wanted(superuser: psycopg.Connection, scene: Scene) -> list[str]:
    """The ids of the workspace's jobs that must have an entry."""
    rows = superuser.execute(
        """
        select job.job_id::text
          from kronos.jobs as job
          join kronos.workspaces as workspace using (workspace_id)
         where workspace.slug = %s and job.status = 'ACTIVE' and job.trigger = 'CRON'
               and workspace.status = 'ACTIVE' order by 1
        """,
        [scene.workspace],
    )
    return [job for (job,) in rows]


def backdate(superuser: psycopg.Connection, job: str, *, minutes: int) -> datetime:
    """Set the job's pointer back, as if its ticks had not been accounted for that long. Return its new first tick."""
    tick: datetime
    ((tick,),) = superuser.execute(
        """
        update tests.jobs set next_tick_at = date_trunc('minute', now()) - make_interval(mins => %s) where job_id = %s
        returning next_tick_at
        """,
        [minutes, job],
    ).fetchall()
    return tick


def executions(scene: Scene, job: str) -> list[dict[str, Any]]:
    answer = scene.client.get(f"{scene.jobs}/{job}/executions")
    return sorted(answer.json()["data"], key=lambda row: row["scheduled_at"])


def test_its_entries_go_and_come_back_and_nobody_elses_do(scene: Scene, shared_superuser: psycopg.Connection) -> None:
    jobs = sorted(scene.created() for _ in range(3))
    paused = scene.created()
    assert scene.pause(paused).status_code == 200
    mine = [f"kronos:{job}" for job in jobs]
    others = "select * from cron.job where jobname <> all (%s) order by jobid"
    before = shared_superuser.execute(others, [mine]).fetchall()

    suspended = turned(scene, "SUSPENDED")

    assert entries(shared_superuser, scene) == []
    for job in jobs:
        shown = read(scene, job)
        assert (shown["status"], shown["pg_cron"], shown["next_run_at"]) == ("ACTIVE", None, None)
    assert turned(scene, "SUSPENDED") == suspended  # and suspended_at does not change

    assert turned(scene, "ACTIVE")["suspended_at"] is None
    assert entries(shared_superuser, scene) == jobs
    assert all(read(scene, job)["pg_cron"]["active"] for job in jobs)
    assert read(scene, paused)["status"] == "PAUSED"
    assert shared_superuser.execute(others, [mine]).fetchall() == before


def test_its_name_changes_with_its_status_in_one_call(scene: Scene) -> None:
    answer = scene.client.patch(
        f"/v1/workspaces/{scene.workspace}", json={"status": "SUSPENDED", "name": "Gone"}
    ).json()
    assert (answer["status"], answer["name"]) == ("SUSPENDED", "Gone")
    answer = scene.client.patch(f"/v1/workspaces/{scene.workspace}", json={"name": "Still gone"}).json()
    assert (answer["status"], answer["name"]) == ("SUSPENDED", "Still gone")


def test_a_tick_due_before_runs_and_each_one_after_is_told_as_skipped(
    scene: Scene, shared_superuser: psycopg.Connection
) -> None:
    minute_with_time_left(shared_superuser)  # one tick of the one job is due, not two, and none of the other's
    job, other = scene.created("* * * * *"), scene.created("* * * * *")
    backdate(shared_superuser, job, minutes=0)
    turned(scene, "SUSPENDED")
    (ran,) = executions(scene, job)
    assert ran["cause"] == "SCHEDULE"

    first = {each: backdate(shared_superuser, each, minutes=20) for each in (job, other)}
    turned(scene, "ACTIVE")

    for each in (job, other):
        (skipped,) = [row for row in executions(scene, each) if row["status"] == "SKIPPED"]
        assert skipped["status_reason"]["code"] == "workspace_suspended"
        ((until,),) = shared_superuser.execute(
            "select next_tick_at from tests.jobs where job_id = %s", [each]
        ).fetchall()
        ticks = (until - first[each]) // MINUTE - (each == job)  # one of them has run, and has its own row
        assert (datetime.fromisoformat(skipped["scheduled_at"]), skipped["tick_count"]) == (first[each], ticks)
    assert [row["execution_id"] for row in executions(scene, job) if row["status"] != "SKIPPED"] == [
        ran["execution_id"]
    ]


@pytest.mark.parametrize("max_in_flight", [None, 10])
def test_nothing_of_it_is_claimed_until_it_goes_on_and_an_endpoints_own_pause_outlasts_it(
    own_api: Api, max_in_flight: int | None
) -> None:
    slug = f"w-{uuid.uuid4().hex[:12]}"
    own_api.client.post("/v1/workspaces", json={"slug": slug})
    for name in ("open", "held"):
        spec = {
            "name": name,
            "type": "HTTP",
            "spec": {"url": "http://127.0.0.1:9/hook"},
            "max_in_flight": max_in_flight,
        }
        assert own_api.client.post(f"/v1/workspaces/{slug}/endpoints", json=spec).status_code == 201
    scene = Scene(client=own_api.client, workspace=slug)
    for name in ("open", "held"):
        assert scene.client.post(scene.jobs, json={"endpoint": name, "trigger": "IMMEDIATE"}).status_code == 201
    with psycopg.connect(own_api.database_url, autocommit=True) as superuser, as_worker(own_api.database_url) as worker:
        superuser.execute(
            "update kronos.endpoint_gate set paused_until = 'infinity'"
            " where endpoint_id = (select endpoint_id from kronos.endpoints where name = 'held')"
        )
        endpoints = [row[0] for row in superuser.execute("select endpoint_id from kronos.endpoint_gate")]

        assert due(worker) == set(endpoints)
        turned(scene, "SUSPENDED")
        assert (due(worker), claimed(worker, endpoints)) == (set(), [])

        superuser.execute("listen kronos_work")
        turned(scene, "ACTIVE")
        assert [told.channel for told in superuser.notifies(timeout=60, stop_after=1)] == ["kronos_work"]
        assert due(worker) == set(endpoints)
        (endpoint_id,) = claimed(worker, endpoints)
        ((name,),) = superuser.execute(
            "select name from kronos.endpoints where endpoint_id = %s", [endpoint_id]
        ).fetchall()
        assert name == "open"


def due(worker: psycopg.Connection) -> set[uuid.UUID]:
    """The endpoints that a worker considers worth claiming."""
    return {row[0] for row in run(worker, "list_due_endpoints", FULL_LOOK)}


def claimed(worker: psycopg.Connection, endpoints: list[uuid.UUID]) -> list[uuid.UUID]:
    """The endpoints of the executions that a worker claims."""
    params = {
        "endpoint_ids": endpoints,
        "quotas": [10] * len(endpoints),
        "floors": ["-infinity"] * len(endpoints),
        "ranks": ["-infinity"] * len(endpoints),
        "claim_token": uuid.uuid4(),
        "worker_id": "w",
        "margin_ms": 5000,
        "shortest_lease_ms": 15000,
    }
    return [row[3] for row in run(worker, "claim_executions", params)]


HTTP = {"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/hook"}}
_LOOKS = {"POST /jobs/{j}/diff", "POST /schedules/preview"}
"""These change nothing."""
# Every write that a suspended workspace rejects, "METHOD path": body.
REFUSED: dict[str, dict[str, Any]] = {
    "POST /endpoints/sink/test": {},
    "POST /jobs": {"endpoint": "sink", "trigger": "CRON", "cron": "0 3 * * *"},
    "POST /jobs ": {"endpoint": "sink", "trigger": "IMMEDIATE"},
    "POST /jobs/job/trigger": {},
    "POST /jobs/job/backfill": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"},
    "POST /jobs:batch": {"jobs": [{"endpoint": "sink", "trigger": "IMMEDIATE"}]},
    "POST /apply": {"jobs": [{"name": "made", "endpoint": "sink", "cron": "0 3 * * *"}]},
    "POST /jobs:bulk": {"action": "pause", "filter": {}},
    "POST /operations": {"action": "pause", "filter": {}},
    "POST /executions/{dead}/retry": {},
    "POST /dead-letters/redrive": {"endpoint": "sink"},
    "POST /calendars": {"name": "made"},
    "PUT /calendars/fresh": {"days": [{"starts": "2026-12-25", "name": "Christmas"}]},
    "DELETE /calendars/fresh": {},
    "POST /configs": {"name": "made", "values": {}},
    "PUT /configs/fresh": {"values": {"a": 1}},
    "DELETE /configs/fresh": {},
    "POST /payload-specs": {"name": "made", "schema": {}},
    "PUT /payload-specs/fresh": {"schema": {"type": "object"}},
    "DELETE /payload-specs/fresh": {},
    "POST /secrets": {"name": "made", "value": "a value"},
    "PUT /secrets/fresh": {"value": "a value"},
    "DELETE /secrets/fresh": {},
    "POST /heartbeats": {"name": "made", "period_seconds": 60},
    "PUT /heartbeats/fresh": {"period_seconds": 90},
    "POST /heartbeats/fresh/pause": {},
    "POST /heartbeats/fresh/resume": {},
    "POST /heartbeats/fresh/rotate": {},
    "DELETE /heartbeats/fresh": {},
    "POST /alert-rules": {"name": "made", "condition": {"type": "MISSED"}},
    "PUT /alert-rules/fresh": {"condition": {"type": "MISSED", "count": 2}},
    "DELETE /alert-rules/fresh": {},
    "POST /incidents/{incident}/acknowledge": {},
    "POST /incidents/{incident}/snooze": {"until": "2099-01-01T00:00:00Z"},
    "POST /dead-letters/discard": {"endpoint": "sink"},
    "POST /operations/{operation}/cancel": {},
    "PATCH /jobs/job": {"cron": "30 4 * * *"},
    "POST /jobs/job/pause": {},
    "POST /jobs/job/skip-next": {"count": 1},
    "POST /jobs/job/resume": {},
    "POST /executions/{waiting}/cancel": {},
    "POST /backfills/{backfill}/cancel": {},
    "POST /endpoints": HTTP | {"name": "fresh"},
    "PUT /endpoints/sink": HTTP,
    "POST /endpoints/sink/disable": {},
    "POST /endpoints/sink/enable": {},
    "DELETE /endpoints/fresh": {},
    "PUT /retention": {"success_days": 7},
    "POST /keys": {"role": "viewer"},
    "POST /keys/{key}/rotate": {},
    "POST /role-mappings": {"group": "others", "role": "viewer"},
    "DELETE /jobs/job": {},
}
# Writes that change nothing or only the workspace itself, and those that withdraw access.
DONE: dict[str, dict[str, Any]] = {
    "POST /endpoints/sink/render": {},
    "PATCH ": {"name": "halted"},
    "PUT /quotas": {"max_cron_jobs": 9},
    "DELETE /keys/{key}": {},
    "DELETE /role-mappings/{mapping}": {},
    "DELETE ?confirm=halted": {},
}


def test_nothing_in_it_is_changed_until_it_goes_on(scene: Scene, shared_superuser: psycopg.Connection) -> None:
    """The same rule for every write of the API: when the workspace is resumed, all is as it was."""
    api, base = scene.client, f"/v1/workspaces/{scene.workspace}"
    scene.created(name="job")
    waiting, dead = (scene.trigger("job").json()["execution_id"] for _ in range(2))
    api.post(f"{base}/executions/{dead}/cancel").raise_for_status()
    backfill = api.post(f"{base}/jobs/job/backfill", json=REFUSED["POST /jobs/job/backfill"]).json()["backfill_id"]
    operation = api.post(f"{base}/dead-letters/discard", json={"endpoint": "sink"}).json()["operation_id"]
    api.put(f"{base}/calendars/fresh", json={}).raise_for_status()
    api.put(f"{base}/configs/fresh", json={"values": {}}).raise_for_status()
    api.put(f"{base}/payload-specs/fresh", json={"schema": {}}).raise_for_status()
    api.put(f"{base}/secrets/fresh", json={"value": "a value"}).raise_for_status()
    api.post(f"{base}/endpoints", json=HTTP | {"name": "fresh"}).raise_for_status()
    api.put(f"{base}/heartbeats/fresh", json={"period_seconds": 60}).raise_for_status()
    key = api.post(f"{base}/keys", json={"role": "viewer"}).raise_for_status().json()["key_id"]
    mapping = api.post(f"{base}/role-mappings", json={"group": "some", "role": "viewer"}).json()["mapping_id"]
    named = {
        "key": key,
        "mapping": mapping,
        "waiting": waiting,
        "dead": dead,
        "backfill": backfill,
        "operation": operation,
        "incident": add_incident(shared_superuser, scene.workspace, rule="fresh"),
    }
    as_it_was = scene.client.get(f"{scene.jobs}/job").json()
    turned(scene, "SUSPENDED")

    def call(write: str, body: dict[str, Any]) -> httpx.Response:
        method, _, path = write.partition(" ")
        return api.request(method, base + path.strip().format_map(named), json=body or None)

    before = snapshot(shared_superuser)
    for write, body in REFUSED.items():
        problem = problem_of(call(write, body))
        assert (problem["status"], problem["code"]) == (409, "workspace_suspended"), write
        assert problem["errors"][0]["hint"].startswith("Resume the workspace"), write
    assert snapshot(shared_superuser) == before
    turned(scene, "ACTIVE")
    now = scene.client.get(f"{scene.jobs}/job").json()
    assert now | {"pg_cron": None} == as_it_was | {"pg_cron": None}
    turned(scene, "SUSPENDED")
    for write, body in DONE.items():
        assert (answer := call(write, body)).status_code in (200, 201, 202, 204), (write, answer.text)
    assert {f"{method} {path}".strip() for method, path in _writes(api)} - _LOOKS == {
        _template(write) for write in REFUSED | DONE
    }


def _template(write: str) -> str:
    """The path of a write above, as written in /openapi.json."""
    method, _, path = write.strip().partition("?")[0].strip().partition(" ")
    for given, name in (
        ("/jobs/job", "/jobs/{j}"),
        ("{dead}", "{e}"),
        ("{waiting}", "{e}"),
        ("{backfill}", "{b}"),
        ("{operation}", "{o}"),
        ("{incident}", "{i}"),
        ("{key}", "{key_id}"),
        ("{mapping}", "{mapping_id}"),
        ("/fresh", "/{name}"),
        ("s/sink", "s/{name}"),
    ):
        path = path.replace(given, name)
    return f"{method} {path}".strip()


def _writes(api: httpx.Client) -> Iterator[tuple[str, str]]:
    """Every write within a workspace, with its path relative to the workspace."""
    for path, methods in api.get("/openapi.json").json()["paths"].items():
        if path.startswith("/v1/workspaces/{w}"):
            yield from (
                (method.upper(), path.removeprefix("/v1/workspaces/{w}")) for method in methods if method != "get"
            )


def test_a_pause_that_has_run_out_is_over_when_its_workspace_goes_on(
    scene: Scene, shared_superuser: psycopg.Connection
) -> None:
    job = scene.created("* * * * *")
    assert scene.pause(job).status_code == 200
    turned(scene, "SUSPENDED")
    first = backdate(shared_superuser, job, minutes=20)
    shared_superuser.execute("update kronos.jobs set resume_at = %s where job_id = %s", [first + 5 * MINUTE, job])

    turned(scene, "ACTIVE")

    assert (read(scene, job)["status"], entries(shared_superuser, scene)) == ("ACTIVE", [job])
    told = [(row["status"], row["status_reason"]["code"]) for row in executions(scene, job)]
    assert (told, executions(scene, job)[0]["tick_count"]) == (
        [("SKIPPED", "paused"), ("SKIPPED", "workspace_suspended")],
        5,
    )
