"""A job's life over HTTP: created, read, changed, paused, resumed, triggered, cancelled; and its pg_cron entry
throughout.
"""

from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
import pytest

CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "*/5 * * * *"}
JOB_FIELDS = {
    "calendars", "on_blackout",
    "job_id", "name", "title", "workspace", "endpoint", "endpoint_type", "trigger", "status", "status_reason",
    "version",
    "previous_version_id",
    "replaced_by_id", "cron", "every", "anchor", "anchor_local", "timezone", "description", "starts_at", "ends_at",
    "max_runs",
    "dst_gap", "dst_overlap",
    "jitter_seconds", "overlap", "catch_up", "skip_next", "resume_at", "next_run_at", "last_run_at", "pg_cron",
    "idempotency_key",
    "run_at", "run_at_local", "input", "priority", "tags", "created_at", "retired_at", "execution",
    "on_success", "on_failure", "spread", "offset_seconds",
    "deadline_seconds",
}  # fmt: skip
EXECUTION_FIELDS = {
    "execution_id", "job_id", "workspace", "endpoint", "endpoint_type", "cause", "status", "status_reason",
    "scheduled_at", "run_at",
    "started_at", "completed_at", "duration_ms", "attempt_count", "max_attempts", "input", "output", "error",
    "worker_id", "created_at",
}  # fmt: skip


def entry(superuser: psycopg.Connection, job_id: str) -> tuple[Any, ...] | None:
    return superuser.execute(
        "select schedule, command, active from cron.job where jobname = %s", [f"kronos:{job_id}"]
    ).fetchone()


def test_a_cron_job_is_made_with_its_entry(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    body = CRON | {
        "name": "report",
        "timezone": "Etc/UTC",
        "starts_at": "2098-01-01T05:30:00+05:30",
        "ends_at": "2099-01-01T00:00:00Z",
        "max_runs": 3,
        "dst_gap": "SKIP",
        "dst_overlap": "BOTH",
        "jitter_seconds": 10,
        "spread": "2m",
        "overlap": "ALLOW",
        "catch_up": {"policy": "ALL", "window_seconds": 60},
        "priority": 0,
        "input": {"id": 7, "text": "ünïcode 🙂"},
        "tags": ["a", "b"],
        "deadline_seconds": 900,
    }

    response = api.post(f"/v1/workspaces/{workspace}/jobs", json=body)

    job = response.json()
    assert response.status_code == 201
    assert set(job) == JOB_FIELDS
    assert job | body | {"starts_at": "2098-01-01T00:00:00Z"} == job
    assert (job["status"], job["version"], job["next_run_at"], job["execution"]) == (
        "ACTIVE",
        1,
        "2098-01-01T00:00:00Z",
        None,
    )
    assert job["description"]
    assert response.headers["etag"] == '"1"'
    assert response.headers["location"] == f"/v1/workspaces/{workspace}/jobs/{job['job_id']}"
    assert entry(shared_superuser, job["job_id"]) == (
        job["pg_cron"]["schedule"],
        f"select kronos.fire('{job['job_id']}')",
        True,
    )
    for ref in (job["job_id"], job["job_id"].upper(), "report"):
        again = api.get(f"/v1/workspaces/{workspace}/jobs/{ref}")
        assert (again.status_code, again.json(), again.headers["etag"]) == (200, job, '"1"')


def test_the_workspace_can_be_named_by_its_id(api: httpx.Client, workspace: str) -> None:
    workspace_id = api.get(f"/v1/workspaces/{workspace}").json()["workspace_id"]

    made = api.post(f"/v1/workspaces/{workspace_id}/jobs", json=CRON | {"starts_at": "2098-01-01T00:00:00Z"})

    assert made.status_code == 201
    assert made.json()["workspace"] == workspace
    assert api.get(made.headers["location"]).json() == made.json()


def test_an_immediate_job_holds_its_execution(api: httpx.Client, workspace: str) -> None:
    job = api.post(
        f"/v1/workspaces/{workspace}/jobs", json={"endpoint": "sink", "trigger": "IMMEDIATE", "input": {"a": 1}}
    ).json()

    assert set(job["execution"]) >= EXECUTION_FIELDS
    execution = api.get(f"/v1/workspaces/{workspace}/executions/{job['execution']['execution_id']}").json()
    assert (execution["job_id"], execution["status"], execution["cause"], execution["input"]) == (
        job["job_id"],
        "QUEUED",
        "API",
        {"a": 1},
    )
    assert api.get(f"/v1/workspaces/{workspace}/executions/{execution['execution_id']}/attempts").json() == {
        "data": [],
        "next_cursor": None,
    }


def test_a_delayed_job_waits_and_can_be_cancelled(api: httpx.Client, workspace: str) -> None:
    body = {"endpoint": "sink", "trigger": "DELAYED", "run_at": "2099-01-01T01:00:00.5+01:00"}
    job = api.post(f"/v1/workspaces/{workspace}/jobs", json=body).json()
    execution_id = job["execution"]["execution_id"]
    assert (job["run_at"], job["execution"]["status"]) == ("2099-01-01T00:00:00.500000Z", "PENDING")

    cancelled = api.post(f"/v1/workspaces/{workspace}/executions/{execution_id}/cancel")
    again = api.post(f"/v1/workspaces/{workspace}/executions/{execution_id}/cancel", json={})

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "CANCELLED")
    assert cancelled.json()["status_reason"]["code"]
    assert (again.status_code, again.content) == (200, cancelled.content)
    retried = api.post(f"/v1/workspaces/{workspace}/executions/{execution_id}/retry")
    assert (retried.status_code, retried.json()["execution_id"], retried.json()["status"]) == (
        200,
        execution_id,
        "QUEUED",
    )


def test_a_patch_retires_the_version_and_makes_the_next(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    base = f"/v1/workspaces/{workspace}/jobs"
    first = api.post(
        base, json=CRON | {"name": "report", "ends_at": "2099-01-01T00:00:00Z", "input": {"a": 1}, "max_runs": 9}
    )
    changes = {"cron": "0 9 * * 1", "ends_at": None, "catch_up": {"policy": "SKIP"}, "tags": ["x"]}

    response = api.patch(f"{base}/report", json=changes, headers={"If-Match": first.headers["etag"]})

    second, old = response.json(), first.json()
    assert (response.status_code, response.headers["etag"]) == (200, '"2"')
    assert second["job_id"] != old["job_id"]
    assert (second["version"], second["previous_version_id"], second["cron"]) == (2, old["job_id"], "0 9 * * 1")
    assert (second["ends_at"], second["max_runs"], second["input"], second["tags"]) == (None, 9, {"a": 1}, ["x"])
    assert second["catch_up"] == {"policy": "SKIP", "window_seconds": 3600}
    retired = api.get(f"{base}/{old['job_id']}").json()
    assert (retired["status"], retired["replaced_by_id"]) == ("RETIRED", second["job_id"])
    assert retired["status_reason"]["code"] == "replaced"
    assert entry(shared_superuser, old["job_id"]) is None
    assert entry(shared_superuser, second["job_id"]) == ("0 9 * * 1", f"select kronos.fire('{second['job_id']}')", True)
    for ref in ("report", old["job_id"], second["job_id"]):
        assert [job["version"] for job in api.get(f"{base}/{ref}/versions").json()["data"]] == [2, 1]


def test_if_match_with_a_star_matches_any_version(api: httpx.Client, workspace: str) -> None:
    job = api.post(f"/v1/workspaces/{workspace}/jobs", json=CRON).json()

    response = api.patch(
        f"/v1/workspaces/{workspace}/jobs/{job['job_id']}", json={"tags": ["a"]}, headers={"If-Match": "*"}
    )

    assert response.status_code == 200


def test_delete_retires_the_job_and_says_the_same_again(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    base = f"/v1/workspaces/{workspace}/jobs"
    job = api.post(base, json=CRON | {"name": "report"}).json()

    once = api.delete(f"{base}/{job['job_id']}")
    twice = api.delete(f"{base}/{job['job_id']}")

    assert (once.status_code, once.json()["status"], once.json()["status_reason"]["code"]) == (
        200,
        "RETIRED",
        "cancelled",
    )
    assert (twice.status_code, twice.content) == (200, once.content)
    assert entry(shared_superuser, job["job_id"]) is None
    assert api.get(f"{base}/report").json() == once.json()
    assert api.post(base, json=CRON | {"name": "report"}).status_code == 201


def test_a_paused_job_has_no_entry_until_it_is_resumed(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    base = f"/v1/workspaces/{workspace}/jobs"
    job = api.post(base, json=CRON).json()
    one = f"{base}/{job['job_id']}"

    paused = api.post(f"{one}/pause", json={"note": "until the audit"}).json()
    assert (paused["status"], paused["status_reason"]["note"], paused["pg_cron"]) == ("PAUSED", "until the audit", None)
    assert entry(shared_superuser, job["job_id"]) is None

    resumed = api.post(f"{one}/resume")
    assert (resumed.status_code, resumed.json()["status"]) == (200, "ACTIVE")
    assert entry(shared_superuser, job["job_id"]) == ("*/5 * * * *", f"select kronos.fire('{job['job_id']}')", True)
    assert api.post(f"{one}/resume").status_code == 200


def test_a_triggered_job_runs_once_beside_its_schedule(api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}/jobs"
    job = api.post(base, json=CRON | {"input": {"a": 1}}).json()

    own = api.post(f"{base}/{job['job_id']}/trigger")
    given = api.post(f"{base}/{job['job_id']}/trigger", json={"input": {"b": 2}})

    assert (own.status_code, given.status_code) == (202, 202)
    assert set(own.json()) >= EXECUTION_FIELDS
    assert [answer.json()["cause"] for answer in (own, given)] == ["MANUAL", "MANUAL"]
    assert [answer.json()["input"] for answer in (own, given)] == [{"a": 1}, {"b": 2}]
    assert api.get(own.headers["location"]).json()["execution_id"] == own.json()["execution_id"]
    state = api.get(f"{base}/{job['job_id']}/status").json()
    assert set(state) == {
        "job_id", "status", "health", "error", "next_run_at", "last_run_at", "overdue_seconds", "pg_cron", "last_24h",
        "ledger", "alerts",
        "waiting_seconds", "warnings",
    }  # fmt: skip
    assert (state["status"], state["health"], state["last_24h"]) == ("ACTIVE", "HEALTHY", {"QUEUED": 2})


def test_health_is_judged_by_the_last_24_hours(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    base = f"/v1/workspaces/{workspace}/jobs"
    job = api.post(base, json=CRON).json()

    def finish(status: str) -> str:
        shared_superuser.execute(
            """
            insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id,
                endpoint_version, cause, status,
                                               scheduled_at, run_at, created_at, max_attempts, input)
            select kronos.uuid7(), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', %s, now(), now(), now(), 5, '{}'
              from kronos.jobs where job_id = %s
            """,
            [status, job["job_id"]],
        )
        health: str = api.get(f"{base}/{job['job_id']}/status").json()["health"]
        return health

    assert api.get(f"{base}/{job['job_id']}/status").json()["health"] == "IDLE"
    assert finish("FAILED") == "FAILING"
    assert finish("SUCCESS") == "DEGRADED"


def test_next_runs_and_previews_agree(api: httpx.Client, workspace: str) -> None:
    job = api.post(f"/v1/workspaces/{workspace}/jobs", json=CRON | {"cron": "0 9 * * 1"}).json()

    upcoming = api.get(f"/v1/workspaces/{workspace}/jobs/{job['job_id']}/next-runs", params={"count": 3}).json()
    preview = api.post("/v1/schedules/preview", json={"cron": "0 9 * * 1", "count": 3}).json()

    assert set(upcoming) == {"description", "next_runs", "skipped", "lints"}
    assert upcoming == preview
    assert len(upcoming["next_runs"]) == 3
    assert upcoming["next_runs"][0]["at"] == job["next_run_at"]


def test_a_preview_starts_strictly_after(api: httpx.Client) -> None:
    body = {"cron": "0 9 * * *", "timezone": "GMT", "after": "2026-12-01T09:00:00Z", "count": 2}

    preview = api.post("/v1/schedules/preview", json=body).json()

    assert [run["at"] for run in preview["next_runs"]] == ["2026-12-02T09:00:00Z", "2026-12-03T09:00:00Z"]


def test_a_repeated_request_is_known_after_its_time_has_passed(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = f"/v1/workspaces/{workspace}/jobs"
    body = {"endpoint": "sink", "trigger": "DELAYED", "run_at": "2126-01-01T00:00:00Z", "idempotency_key": "once"}
    made = api.post(base, json=body)

    monkeypatch.setattr("kronos.new_jobs.CLOCK.now", lambda: datetime(2127, 1, 1, tzinfo=UTC))
    again = api.post(base, json=body)
    other = api.post(base, json=body | {"idempotency_key": "twice"})
    mismatched = api.post(base, json=body | {"input": {"n": 1}})
    assert (made.status_code, again.status_code, again.json()["job_id"]) == (201, 200, made.json()["job_id"])
    assert (other.status_code, other.json()["errors"][0]["pointer"]) == (422, "/run_at")
    assert mismatched.json()["code"] == "idempotency_mismatch"


@pytest.mark.parametrize(
    "fields",
    [
        {"trigger": "IMMEDIATE"},
        {"trigger": "DELAYED", "run_at": "2126-12-01T09:00:00Z"},
        {"trigger": "DELAYED", "run_at": "2126-12-01T09:00:00.500Z", "name": "named"},
    ],
)
def test_a_one_shots_execution_has_instants_like_any_other(
    api: httpx.Client, workspace: str, fields: dict[str, str]
) -> None:
    job = api.post(f"/v1/workspaces/{workspace}/jobs", json={"endpoint": "sink"} | fields).json()
    alone = api.get(f"/v1/workspaces/{workspace}/executions/{job['execution']['execution_id']}").json()
    assert set(job["execution"]) | {"caused_by", "callbacks"} == set(alone)
    instants = ("scheduled_at", "run_at", "created_at")
    assert [job["execution"][name] for name in instants] == [alone[name] for name in instants]
    assert job["run_at"] in (None, alone["scheduled_at"])


def test_an_executions_log_begins_with_its_creation(api: httpx.Client, workspace: str) -> None:
    job = api.post(f"/v1/workspaces/{workspace}/jobs", json={"endpoint": "sink", "trigger": "IMMEDIATE"}).json()
    base = f"/v1/workspaces/{workspace}/executions"
    log = api.get(f"{base}/{job['execution']['execution_id']}/logs")
    absent = api.get(f"{base}/00000000-0000-7000-8000-000000000000/logs")
    assert (log.status_code, log.json()["next_cursor"]) == (200, None)
    assert [line["message"].split(",")[0] for line in log.json()["data"]] == ["created"]
    assert (absent.status_code, absent.json()["code"]) == (404, "execution_not_found")
