"""The instance administrator's requests: the instance's health, and a comparison of its jobs with pg_cron's entries."""

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from conftest import PLAIN, Api, holding
from factory import add_endpoint, add_executions, add_key
from kronos import changes
from sql_factory import make_cron_job


@pytest.fixture
def su(own_api: Api) -> Iterator[psycopg.Connection]:
    with psycopg.connect(own_api.database_url, autocommit=True) as connection:
        connection.execute(
            "select kronos.reap()"
        )  # a copied database's entries name the database that they were copied from
        yield connection


def test_status_tells_of_pg_cron_lag_workers_and_time_zone_data(own_api: Api, su: psycopg.Connection) -> None:
    found = own_api.client.get("/v1/system/status").json()
    assert (found["status"]["internal_jobs"], found["status"]["internal_entries"]) == (5, 5)
    assert (found["status"]["overdue_jobs"], found["status"]["overdue_seconds"]) == (0, None)
    assert found["status"]["pg_cron_version"]
    assert found["time_zone_data"]["differs_in"] == []
    assert found["time_zone_data"]["postgresql_version"] == found["time_zone_data"]["client_version"]
    assert any("no worker is connected" in warning for warning in found["warnings"])

    make_cron_job(su, next_tick_at="2026-01-01T00:00:00Z")
    late = own_api.client.get("/v1/system/status").json()
    assert late["status"]["overdue_jobs"] == 1
    assert any("1 job is due" in warning for warning in late["warnings"])


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
        ["no worker is connected: nothing is delivered until one connects"],
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
        "due executions of 1 endpoint wait for a worker, the oldest for 100 s: start more workers"
        in ready.json()["warnings"][0]
    )
    assert ready.json()["warnings"][0].split(",")[0] in " ".join(instance["warnings"])
    assert (instance["status"]["waiting_endpoints"], round(instance["status"]["waiting_seconds"], -1)) == (1, 100)
    assert (found["health"], round(found["waiting_seconds"], -1)) == ("FAILING", 100)
    assert "a due execution has waited for 100 s" in found["warnings"][0]
    assert (explained["decision"], explained["code"]) == ("WAITING", "queued")
    assert "none has claimed it: they are busy, or stuck" in explained["because"]

    su.execute("update kronos.endpoint_gate set paused_until = 'infinity'")  # the endpoint is paused: all is well
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


@pytest.mark.parametrize("path", [f"/v1/system/{each}" for each in ("status", "drift", "workers", "history", "alarms")])
def test_without_a_key_nothing_is_shown(api: httpx.Client, path: str) -> None:
    answer = httpx.get(f"{api.base_url}{path}", verify=PLAIN, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_a_cancellation_that_is_under_way_is_shown_and_holds(
    own_api: Api, own_workspace: str, su: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request ends as many executions as its time allows, in steps; the workers' upkeep ends the rest."""
    client, jobs = own_api.client, f"/v1/workspaces/{own_workspace}/jobs"
    for seconds in (0.0, 30.0):
        monkeypatch.setattr(changes, "_CANCEL_SECONDS", seconds)
        job = client.post(jobs, json={"endpoint": "sink", "trigger": "CRON", "cron": "0 3 * * *"}).json()["job_id"]
        su.execute(
            """
            insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
                scheduled_at, run_at, visible_at, max_attempts, max_crashes, timeout_ms, input)
            select kronos.uuid7(now() + n * interval '1 us'), job.workspace_id, job.job_id, job.endpoint_id, 1,
                   'MANUAL', now(), now(), now(), 5, 3, 1000, '{}'
              from kronos.jobs as job cross join generate_series(1, 1010) as n where job.job_id = %s
            """,
            [job],
        )
        assert client.delete(f"{jobs}/{job}").json()["status"] == "RETIRED"
        found = client.get("/v1/system/status").json()["steps"]
        left = 0 if seconds else 1010
        assert [(each["kind"], each["job_id"], each["remaining"]) for each in found] == [
            ("CANCELLATION", job, left)
        ] * (left > 0)
        while su.execute("select job_id from kronos.cancelled_jobs").fetchone():
            su.execute("select kronos.upkeep(100)")
        ended = su.execute(
            "select distinct status, count(*) from kronos.executions where job_id = %s group by 1", [job]
        )
        assert ended.fetchall() == [("CANCELLED", 1010)]
    assert client.get("/v1/system/status").json()["steps"] == []


def test_a_suspension_that_is_under_way_is_shown_with_what_keeps_it(own_api: Api, su: psycopg.Connection) -> None:
    job_id = make_cron_job(su, is_registered=True)
    (workspace_id, slug) = su.execute(
        "select workspace_id, slug from kronos.jobs join kronos.workspaces using (workspace_id) where job_id = %s",
        [job_id],
    ).fetchone() or (None, None)
    su.execute("""
        create function public.refuse() returns trigger language plpgsql
            as $$ begin raise exception 'no pointer moves'; end $$;
        create trigger refuse before update on kronos.pointers for each row execute function public.refuse();
    """)
    with su.transaction():
        su.execute("select set_config('kronos.workspace_id', %s, true)", [str(workspace_id)])
        su.execute("select kronos.suspend_workspace()")
    su.execute("select kronos.turn_some(%s)", [workspace_id])
    (found,) = own_api.client.get("/v1/system/status").json()["steps"]
    assert (found["kind"], found["workspace"], found["job_id"], found["remaining"]) == ("SUSPENSION", slug, None, 1)
    assert found["last_error"]["message"] == "no pointer moves"


def test_an_operation_under_way_is_shown_behind_what_holds(own_api: Api, own_workspace: str) -> None:
    """An operation may run for hours. It must not hide a suspension that is stuck."""
    client, base = own_api.client, f"/v1/workspaces/{own_workspace}"
    begun = client.post(f"{base}/dead-letters/redrive", json={}).json()
    with psycopg.connect(own_api.database_url, autocommit=True) as superuser:
        superuser.execute("update kronos.operations set total = 7, done = 3, failed = 1")
        superuser.execute(
            "insert into kronos.turns (workspace_id, turned_at, instants, steps_left) "
            "select workspace_id, now(), array[now()], 0 from kronos.operations"
        )
        shown = client.get("/v1/system/status").json()["steps"]
        assert [each["kind"] for each in shown] == ["SUSPENSION", "REDRIVE"]
        assert (shown[1]["operation_id"], shown[1]["remaining"]) == (begun["operation_id"], 3)
        assert (shown[0]["operation_id"], shown[1]["workspace"]) == (None, own_workspace)
        superuser.execute("delete from kronos.turns")
        superuser.execute("select kronos.advance_operations(100)")
    assert client.get("/v1/system/status").json()["steps"] == []


def test_what_workers_have_under_way_is_listed_by_worker_the_oldest_first(own_api: Api, su: psycopg.Connection) -> None:
    endpoint = add_endpoint(su)
    runs = add_executions(su, endpoint, 9)
    claim = """
        update kronos.execution_live
           set claim_token = gen_random_uuid(), worker_id = %s, claimed_at = now() - make_interval(secs => %s),
               attempt_count = 1, visible_at = now() + interval '1 minute'
         where execution_id = %s
    """
    for age, run in enumerate(runs[:7]):
        su.execute(claim, ["one", age, run])
    su.execute(claim, ["two", 1, runs[7]])
    found = own_api.client.get("/v1/system/workers").json()["data"]
    assert [(each["worker_id"], each["running"]) for each in found] == [("one", 7), ("two", 1)]
    shown = found[0]["executions"]
    assert [each["execution_id"] for each in shown] == [str(each) for each in runs[6:1:-1]]
    assert (shown[0]["attempt"], shown[0]["job"], shown[0]["endpoint"][:2]) == (1, None, "e-")
    assert found[1]["executions"][0]["execution_id"] == str(runs[7])


def test_history_says_how_long_it_is_kept_and_in_which_weeks(own_api: Api, su: psycopg.Connection) -> None:
    found = own_api.client.get("/v1/system/history").json()
    kept = found["retention"]
    assert (kept["success_days"], kept["failure_days"], kept["audit_days"]) == (30, 90, 400)
    assert found["partitions"][0]["from_at"] >= found["partitions"][-1]["from_at"]
    assert {each["history"] for each in found["partitions"]} == {"executions", "attempts"}
    assert all(each["bytes"] > 0 for each in found["partitions"])
    analysed = next(each for each in found["partitions"] if each["history"] == "executions")["partition"]
    su.execute(f"analyze kronos.{analysed}".encode())
    again = own_api.client.get("/v1/system/history").json()["partitions"]
    assert [each["rows"] for each in again if each["partition"] == analysed] == [0]


def test_status_says_where_partitions_end_and_looks_at_no_file_of_theirs(own_api: Api, su: psycopg.Connection) -> None:
    def finding() -> dict[str, Any]:
        listed = own_api.client.get("/v1/system/status").json()["findings"]
        (found,) = (each for each in listed if each["check"] == "partitions")
        return dict(found)

    told = su.execute("select history, max(until_at) from kronos.system_partitions() group by history order by history")
    assert su.execute("select * from kronos.system_history_ends() order by history").fetchall() == told.fetchall()
    assert finding()["ok"]
    su.execute("alter function kronos.system_partitions() rename to system_partitions_away")
    assert finding()["ok"]
    last = "select partition, from_id from kronos.partitions() where parent = 'attempt' order by from_id desc limit 7"
    *gone, (_, end) = su.execute(last).fetchall()
    for partition, end_of in gone:
        su.execute(f"drop table kronos.{partition}".encode())
        end = end_of
    day = su.execute("select to_char(kronos.uuid7_time(%s), 'YYYY-MM-DD')", [end]).fetchone()
    assert (finding()["ok"], finding()["detail"]) == (False, f"missing: attempts from {day[0] if day else None}")


def test_what_is_to_be_looked_at_in_each_workspace_that_the_caller_may_see(
    own_api: Api, own_workspace: str, su: psycopg.Connection
) -> None:
    endpoint = add_endpoint(su)
    add_executions(su, endpoint, 3)
    other, workspace_id = su.execute(
        "select slug, workspace_id from kronos.workspaces where workspace_id = %s", [endpoint.workspace_id]
    ).fetchone() or ("", None)
    make_cron_job(su, endpoint, next_tick_at="2026-01-01T00:00:00Z")
    su.execute(
        """
        insert into kronos.endpoint_health (endpoint_id, workspace_id, failures, failing_since, is_watched)
        values (%s, %s, 3, now(), true)
        """,
        [endpoint.endpoint_id, workspace_id],
    )
    su.execute(
        """
        insert into kronos.dead_letters
            (execution_id, workspace_id, endpoint_id, job_id, first_version_id, failed_at)
        select gen_random_uuid(), %s, %s, gen_random_uuid(), gen_random_uuid(), now()
          from generate_series(1, 1100)
        """,
        [workspace_id, endpoint.endpoint_id],
    )
    nothing = {"status": "ACTIVE", "overdue_jobs": 0, "failing_endpoints": 0, "dead_letters": 0}
    found = {each.pop("workspace"): each for each in own_api.client.get("/v1/me/workspaces").json()["data"]}
    assert found[own_workspace] == nothing | {"name": own_workspace}
    assert found[other] == nothing | {
        "name": other,
        "overdue_jobs": 1,
        "failing_endpoints": 1,
        "dead_letters": 1000,
    }
    with holding(own_api.client, add_key(su, own_workspace, "viewer", sees_payloads=False)) as viewer:
        assert [each["workspace"] for each in viewer.get("/v1/me/workspaces").json()["data"]] == [own_workspace]
        home = viewer.get("/w")
        assert (home.status_code, home.headers["location"]) == (303, f"/w/{own_workspace}")
    page = own_api.client.get("/w").text
    assert "1,000 or more open" in page
