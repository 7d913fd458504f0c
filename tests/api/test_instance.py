"""What the instance's administrator asks: how it does, and its jobs against pg_cron's entries."""

from collections.abc import Iterator

import httpx
import psycopg
import pytest

from conftest import Api
from sql_factory import make_cron_job


@pytest.fixture
def su(own_api: Api) -> Iterator[psycopg.Connection]:
    with psycopg.connect(own_api.database_url, autocommit=True) as connection:
        connection.execute(
            "select kronos.reap()"
        )  # a copied database's entries name the database they were copied from
        yield connection


def test_status_tells_of_pg_cron_lag_workers_and_time_zone_data(own_api: Api, su: psycopg.Connection) -> None:
    found = own_api.client.get("/v1/system/status").json()
    assert (found["status"]["internal_jobs"], found["status"]["internal_entries"]) == (4, 4)
    assert (found["status"]["overdue_jobs"], found["status"]["overdue_seconds"]) == (0, None)
    assert found["status"]["pg_cron_version"]
    assert found["time_zone_data"]["differs_in"] == []
    assert found["time_zone_data"]["postgresql_version"] == found["time_zone_data"]["client_version"]
    assert any("no worker is connected" in warning for warning in found["warnings"])

    make_cron_job(su, next_tick_at="2026-01-01T00:00:00Z")
    late = own_api.client.get("/v1/system/status").json()
    assert late["status"]["overdue_jobs"] == 1
    assert any("1 jobs are due" in warning for warning in late["warnings"])


def test_a_queue_that_grows_is_degraded_and_not_down_and_reported_alike_by_readyz_status_and_the_job(
    own_api: Api, own_workspace: str, su: psycopg.Connection
) -> None:
    made = own_api.client.post(
        f"/v1/workspaces/{own_workspace}/jobs", json={"endpoint": "sink", "trigger": "IMMEDIATE"}
    ).json()
    status = f"/v1/workspaces/{own_workspace}/jobs/{made['job_id']}/status"
    found = own_api.client.get(status).json()
    assert (found["health"], found["warnings"]) == (
        "HEALTHY",
        ["no worker is connected: nothing is delivered until one is"],
    )

    with psycopg.connect(own_api.database_url, application_name="kronos-worker-stuck"):
        su.execute("update kronos.heartbeats set rang_at = clock_timestamp()")
        ready = own_api.client.get("/readyz")
        assert (ready.status_code, ready.json()["status"], ready.json()["warnings"]) == (200, "ok", [])
        su.execute("update kronos.execution_live set visible_at = now() - interval '100 seconds'")
        ready, found = own_api.client.get("/readyz"), own_api.client.get(status).json()
        instance = own_api.client.get("/v1/system/status").json()
        explained = own_api.client.get(f"/v1/workspaces/{own_workspace}/jobs/{made['job_id']}/explain").json()

    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert (
        "due executions of 1 endpoints wait for a worker, the oldest for 100 s: start more workers"
        in ready.json()["warnings"][0]
    )
    assert ready.json()["warnings"][0].split(",")[0] in " ".join(instance["warnings"])
    assert (instance["status"]["waiting_endpoints"], round(instance["status"]["waiting_seconds"], -1)) == (1, 100)
    assert (found["health"], round(found["waiting_seconds"], -1)) == ("FAILING", 100)
    assert "a due execution has waited for 100 s" in found["warnings"][0]
    assert (explained["decision"], explained["code"]) == ("WAITING", "queued")
    assert "none has taken it: they are busy, or stuck" in explained["because"]

    su.execute("update kronos.endpoint_gate set paused_until = 'infinity'")  # for its own reason: the instance is well
    with psycopg.connect(own_api.database_url, application_name="kronos-worker-free"):
        assert own_api.client.get("/readyz").json()["status"] == "ok"


def test_status_warns_of_whatever_keeps_the_instance_from_being_ready(own_api: Api, su: psycopg.Connection) -> None:
    su.execute(
        "delete from cron.job where jobname::text in (select 'kronos:' || job_id from kronos.jobs where name = "
        "'retention')"
    )

    reason = own_api.client.get("/readyz").json()["detail"]

    assert "internal jobs have a pg_cron entry" in reason
    assert reason in own_api.client.get("/v1/system/status").json()["warnings"]


def test_drift_lists_what_the_reaper_will_put_right(own_api: Api, own_workspace: str, su: psycopg.Connection) -> None:
    assert own_api.client.get("/v1/system/drift").json() == {"differences": 0, "data": []}
    job = {"endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * *"}
    jobs = sorted(
        own_api.client.post(f"/v1/workspaces/{own_workspace}/jobs", json=job).json()["job_id"] for _ in range(3)
    )
    su.execute("delete from cron.job where jobname::text = any (%s)", [[f"kronos:{each}" for each in jobs]])

    found = own_api.client.get("/v1/system/drift?limit=2").json()

    assert (found["differences"], [each["job_id"] for each in found["data"]]) == (3, jobs[:2])
    assert found["data"][0] == {
        "job_id": jobs[0],
        "workspace": own_workspace,
        "jobid": None,
        "jobname": f"kronos:{jobs[0]}",
        "difference": "an ACTIVE job has no entry",
    }
    su.execute("select kronos.reap()")
    assert own_api.client.get("/v1/system/drift").json()["differences"] == 0


@pytest.mark.parametrize("path", ["/v1/system/status", "/v1/system/drift"])
def test_without_a_key_nothing_is_shown(api: httpx.Client, path: str) -> None:
    answer = httpx.get(f"{api.base_url}{path}")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
