"""/metrics of an API process: who may read which metrics, what it counts, and what it reads from the database."""

import subprocess
import sys
import time

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from api_process import serving
from conftest import PLAIN, Api, holding
from factory import add_endpoint, add_executions, add_key
from held_ports import held_port
from kronos import gauges, seldom
from kronos.config import Settings
from kronos.database import InstanceView
from kronos.metrics import catalog, instance
from kronos.metrics.definition import Measured
from kronos.pool import Pool
from kronos.sql import statements
from looking import looks
from sql_factory import make_cron_job

Figures = dict[tuple[str, ...], float]


def figures(text: str) -> Figures:
    """Each series, by its name and the values of its labels, in the order of the labels' names."""
    return {
        (each.name, *(value for _, value in sorted(each.labels.items()))): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def scraped(client: httpx.Client) -> Figures:
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return figures(answer.text)


def settled(client: httpx.Client) -> Figures:
    """Scrape until the figures that are read separately, which the first scrape starts, have arrived."""
    for pause in looks(60):
        found = scraped(client)
        if {("kronos_findings", "critical"), ("kronos_alarm_quota_used_ratio",)} <= set(found):
            return found
        time.sleep(pause)
    raise AssertionError("the separately read figures never arrived")


def test_it_is_for_the_instances_key_alone(own_api: Api, own_workspace: str) -> None:
    with psycopg.connect(own_api.database_url, autocommit=True) as connection:
        admin = add_key(connection, own_workspace, "admin")
    assert httpx.get(f"{own_api.client.base_url}/metrics", verify=PLAIN, timeout=60).status_code == 401
    with holding(own_api.client, admin) as client:
        assert client.get("/metrics").status_code == 403
    assert own_api.client.get("/metrics").status_code == 200


def test_it_counts_requests_by_templates_and_never_by_what_callers_write(own_api: Api, own_workspace: str) -> None:
    client = own_api.client
    for path in (f"/v1/workspaces/{own_workspace}", "/v1/workspaces/nobody", "/never/heard/of", "/healthz"):
        client.get(path)
    client.head("/healthz")
    client.request("BREW", "/healthz")
    found = scraped(client)
    requests = {key[1:]: value for key, value in found.items() if key[0] == "kronos_api_requests_total"}
    assert requests["GET", "/v1/workspaces/{w}", "2xx"] >= 1
    assert requests["GET", "/v1/workspaces/{w}", "4xx"] == 1
    assert requests["HEAD", "/healthz", "2xx"] == 1
    assert {method for method, _, _ in requests} <= {"GET", "HEAD", "POST", "other"}
    assert not any(own_workspace in label or "heard" in label for key in found for label in key[1:])
    assert found["kronos_api_request_seconds_count", "GET", "/v1/workspaces/{w}"] >= 2
    assert found["kronos_api_pool_connections_max",] >= 1
    assert found["kronos_api_requests_under_way",] == 1  # this request


def test_it_says_how_the_instance_does(own_api: Api) -> None:
    with psycopg.connect(own_api.database_url, autocommit=True) as su:
        su.execute("select kronos.reap()")
        endpoint = add_endpoint(su)
        add_executions(su, endpoint, 5)
        su.execute("update kronos.execution_live set visible_at = now() - interval '100 seconds'")
        job = make_cron_job(su, next_tick_at="2026-01-01T00:00:00Z")
        su.execute(
            """
            insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
                status, status_reason, scheduled_at, run_at, created_at, started_at, completed_at, max_attempts, input,
                tick_count)
            select kronos.uuid7(), %s, %s, %s, 1, 'SCHEDULE', made.status,
                   case when made.status = 'MISSED' then '{"type": "x"}'::jsonb end, now() - interval '9 s',
                   now() - interval '9 s', now() - interval '8 s', now() - interval '6 s', made.ended, 5,
                   '{}', made.ticks
              from (values ('SUCCESS', now() - interval '2 s', 1), ('MISSED', now(), 7),
                           ('FAILED', now() - interval '2 hours', 1)) as made (status, ended, ticks)
            """,
            [endpoint.workspace_id, job, endpoint.endpoint_id],
        )
        (slug,) = su.execute(
            "select slug from kronos.workspaces where workspace_id = %s", [endpoint.workspace_id]
        ).fetchone() or [""]
    found = scraped(own_api.client)
    assert found["kronos_database_up",] == 1
    assert found["kronos_queue_due", "http"] == 5
    assert 99 <= found["kronos_queue_oldest_seconds", "http"] < 1000
    assert found["kronos_workspace_queue_due", slug] == 5
    assert found["kronos_jobs_overdue",] == 1
    assert found["kronos_workers",] == 0
    assert found["kronos_internal_jobs",] == found["kronos_internal_job_entries",] == 5
    ticks = {key[1]: value for key, value in found.items() if key[0] == "kronos_recent_ticks"}
    assert ticks == {"success": 1, "missed": 7, "failed": 0, "cancelled": 0, "skipped": 0, "expired": 0}
    assert [found["kronos_tick_lag_seconds", "0.5", stage] for stage in ("recorded", "claimed", "answered")] == [
        1,
        2,
        4,
    ]
    assert settled(own_api.client)["kronos_history_partitions_ahead_seconds",] > 30 * 24 * 3600


def test_the_port_of_its_own_needs_no_key_and_names_no_tenant(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as su:
        endpoint = add_endpoint(su)
        add_executions(su, endpoint, 3)
        (slug,) = su.execute(
            "select slug from kronos.workspaces where workspace_id = %s", [endpoint.workspace_id]
        ).fetchone() or [""]
    port = held_port()
    with serving(database_url, KRONOS_METRICS_PORT=str(port)) as process:
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", verify=PLAIN, timeout=60)
        assert answer.status_code == 200
        found = figures(answer.text)
        assert found["kronos_queue_due", "http"] == 3
        assert slug not in answer.text
        assert not any(name[0].startswith("kronos_workspace_") for name in found)
        assert httpx.get(f"http://127.0.0.1:{port}/v1/workspaces", verify=PLAIN, timeout=60).status_code == 404
        process.child.terminate()
        assert process.child.wait(60) == 0


def test_what_most_processes_never_use_is_not_loaded_at_their_start() -> None:
    """One process loads what a worker needs, and then what the API needs."""
    shown = "print(*{each.split('.')[0] for each in sys.modules})"
    loaded = f"import sys, kronos.worker.main; {shown}; import kronos.api.app; {shown}"
    said = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    of_worker, of_both = (set(line.split()) for line in said.stdout.splitlines())
    assert "kronos" in of_worker
    assert not {"prometheus_client", "fastapi"} & of_worker
    assert "fastapi" in of_both
    assert not {"prometheus_client", "icalendar"} & of_both


async def test_however_many_ask_the_database_is_asked_once_and_its_absence_is_said(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    asked: list[int] = []
    read = gauges._read

    async def counted(view: InstanceView) -> list[Measured]:
        asked.append(1)
        return await read(view)

    monkeypatch.setattr(gauges, "_read", counted)
    pool = Pool(database_url, size=2, wait_seconds=60)
    await pool.open(wait=True)
    shown = gauges.Gauges(settings := Settings(database_url=SecretStr(database_url)))
    found = await asyncio.gather(*(shown.read(InstanceView(pool), names=False) for _ in range(20)))
    assert len(asked) == 1
    assert all(each[0].metric is instance.DATABASE_UP and each[0].value == 1 for each in found)
    await shown.read(InstanceView(pool), names=True)
    assert len(asked) == 1
    await pool.close()
    away = await gauges.Gauges(settings).read(InstanceView(pool), names=False)
    assert [(each.metric.name, each.value) for each in away] == [("kronos_database_up", 0)]


def test_labels_are_bounded_by_construction() -> None:
    """Each metric with labels states its maximum number of series, and only metrics for the instance's key name
    tenants.
    """
    for metric in (*catalog.PROCESSES, *catalog.APIS, *catalog.WORKERS, *instance.DATABASE):
        assert metric.most <= 2000
        assert bool(metric.bounds) == (metric.kind == "histogram")
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert ("workspace" in metric.labels) == metric.names_tenants
        assert not {"job", "endpoint", "execution", "key", "path"} & set(metric.labels)


def test_of_many_workspaces_the_twenty_that_wait_longest_have_a_series() -> None:
    waiting = [gauges.WaitingWork(workspace=f"w{n}", transport="http", due=2, oldest_seconds=99 - n) for n in range(50)]
    figures = list(gauges._of_queue(waiting))
    named = {each.labels[0]: each.value for each in figures if each.metric is instance.WORKSPACE_WAITING}
    assert set(named) == {f"w{n}" for n in range(20)} | {"other"}
    assert (named["w0"], named["other"]) == (2, 60)


def test_statements_are_counted_by_name_with_those_that_meet_an_error(own_api: Api, own_workspace: str) -> None:
    client = own_api.client
    job = {"name": "once", "endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"}
    before = scraped(client)
    assert [client.post(f"/v1/workspaces/{own_workspace}/jobs", json=job).status_code for _ in range(3)] == [
        201,
        409,
        409,
    ]
    found = scraped(client)
    name = "jobs.insert_cron_jobs"
    assert found["kronos_statements_total", name] - before.get(("kronos_statements_total", name), 0) == 3
    assert found["kronos_statement_errors_total", name] - before.get(("kronos_statement_errors_total", name), 0) == 2
    assert found["kronos_statement_seconds_total", name] > 0
    # since then: the tests' process has run other statements before
    run = {key[1] for key, count in found.items() if key[0] == "kronos_statements_total" and count > before.get(key, 0)}
    assert run <= {each.name for each in statements}


def test_how_full_quotas_of_alarms_are_is_told_of_the_fullest_and_to_the_instances_key_of_each(own_api: Api) -> None:
    client = own_api.client
    with psycopg.connect(own_api.database_url, autocommit=True) as connection:
        for limit, jobs in ((4, 3), (10, 1), (None, 2)):
            endpoint = add_endpoint(connection)
            for _ in range(jobs):
                make_cron_job(connection, endpoint, cron="7 3 * * *")
            connection.execute(
                "update kronos.workspaces set max_alarms_per_minute = %s where workspace_id = %s",
                [limit, endpoint.workspace_id],
            )
    found = settled(client)
    assert found["kronos_alarm_quota_used_ratio",] == 0.75
    of_each = [value for key, value in found.items() if key[0] == "kronos_workspace_alarm_quota_used_ratio"]
    assert sorted(of_each) == [0.1, 0.75]
    assert [each.value for each in seldom._of_quotas([])] == [0]


def test_what_the_doctor_finds_is_counted_as_the_status_has_it(own_api: Api) -> None:
    with psycopg.connect(own_api.database_url, autocommit=True) as connection:
        connection.execute("alter table kronos.ping_gaps set unlogged")
    listed = own_api.client.get("/v1/system/status").raise_for_status().json()["findings"]
    broken = [each["severity"] for each in listed if not each["ok"]]
    assert "unlogged" in {each["check"] for each in listed if not each["ok"]}
    found = settled(own_api.client)
    counted = {severity: found["kronos_findings", severity] for severity in ("critical", "warning", "notice")}
    assert counted == {severity: broken.count(severity) for severity in counted}
