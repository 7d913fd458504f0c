"""A job's status: its ledger of the last 24 hours, what is overdue, and a malformed job, which is reported and harms no
other.
"""

from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from sql_factory import value

CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "* * * * *"}
MINUTE = timedelta(minutes=1)
CORRUPTIONS = {
    "no months": "update kronos.jobs set schedule.months = 0 where job_id = %(job_id)s",
    "a month that is none": "update kronos.jobs set schedule.months = 1 << 20 where job_id = %(job_id)s",
    "hours null": "update kronos.jobs set schedule.hours = null where job_id = %(job_id)s",
    "everything null": """update kronos.jobs set schedule = jsonb_populate_record(null::kronos.schedule, '{}')
                           where job_id = %(job_id)s""",
    "no such zone": "update kronos.jobs set schedule.timezone = 'Nowhere/Here' where job_id = %(job_id)s",
    "an interval of "
    "nothing": "update kronos.jobs set schedule.every_seconds = 0, schedule.anchor = now() where job_id = %(job_id)s",
    "no endpoint version": """update kronos.endpoints set version = 99
                               where endpoint_id = (select endpoint_id from kronos.jobs where job_id = %(job_id)s)""",
}


@pytest.fixture
def minute(shared_superuser: psycopg.Connection) -> datetime:
    found: datetime = value(shared_superuser, "select date_trunc('minute', now())")
    return found


def make_due(
    client: httpx.Client, connection: psycopg.Connection, workspace: str, pointer: datetime, **body: Any
) -> str:
    """Make a job of yesterday that is accounted for up to `pointer`, exclusive."""
    job_id: str = client.post(f"/v1/workspaces/{workspace}/jobs", json=CRON | body).json()["job_id"]
    connection.execute(
        "update tests.jobs set ticks_from = %s, next_tick_at = %s where job_id = %s",
        [pointer - MINUTE, pointer, job_id],
    )
    return job_id


def status(client: httpx.Client, workspace: str, job_id: str) -> dict[str, Any]:
    response = client.get(f"/v1/workspaces/{workspace}/jobs/{job_id}/status")
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_the_ledger_of_the_last_24_hours_is_shown(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, minute: datetime
) -> None:
    job_id = make_due(api, shared_superuser, workspace, minute - 60 * MINUTE)
    shared_superuser.execute("select kronos.account_ticks(array[%s::uuid], %s)", [job_id, minute])

    found = status(api, workspace, job_id)

    ledger = found["ledger"]
    assert (ledger["expected"], ledger["accounted"], ledger["delivered"], ledger["missed"], ledger["skipped"]) == (
        61,
        61,
        2,
        59,
        0,
    )
    assert (ledger["unaccounted"], ledger["surplus"], ledger["first_unaccounted"], ledger["is_truncated"]) == (
        0,
        0,
        None,
        False,
    )
    assert datetime.fromisoformat(ledger["checked_until"]) - datetime.fromisoformat(ledger["since"]) == timedelta(
        hours=24
    )
    assert (found["health"], found["error"]) == ("FAILING", None)
    assert found["pg_cron"]["jobname"] == f"kronos:{job_id}"


def test_a_row_that_was_deleted_shows(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, minute: datetime
) -> None:
    job_id = make_due(api, shared_superuser, workspace, minute)
    shared_superuser.execute("select kronos.account_ticks(array[%s::uuid], %s)", [job_id, minute])
    assert status(api, workspace, job_id)["ledger"]["unaccounted"] == 0
    shared_superuser.execute("delete from kronos.execution_live where job_id = %s", [job_id])
    ledger = status(api, workspace, job_id)["ledger"]
    assert (ledger["unaccounted"], datetime.fromisoformat(ledger["first_unaccounted"])) == (1, minute)


def test_what_is_overdue_is_shown_in_seconds(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, minute: datetime
) -> None:
    job_id = make_due(api, shared_superuser, workspace, minute - 5 * MINUTE)
    assert status(api, workspace, job_id)["overdue_seconds"] >= 300
    shared_superuser.execute("delete from cron.job where jobname = %s", [f"kronos:{job_id}"])
    assert status(api, workspace, job_id)["pg_cron"] is None
    shared_superuser.execute("select kronos.account_ticks(array[%s::uuid], %s)", [job_id, minute + MINUTE])
    assert status(api, workspace, job_id)["overdue_seconds"] == 0


def test_a_fault_holds_while_the_pointer_stands_where_it_stood(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, minute: datetime
) -> None:
    job_id = make_due(api, shared_superuser, workspace, minute)
    shared_superuser.execute(
        """
        insert into kronos.job_faults (job_id, workspace_id, next_tick_at, sqlstate, message)
        select job_id, workspace_id, next_tick_at, '22008', 'date field value out of range' from tests.jobs
               where job_id = %s
        """,
        [job_id],
    )
    broken = status(api, workspace, job_id)
    assert (broken["health"], broken["error"]["sqlstate"], broken["error"]["message"]) == (
        "ERROR",
        "22008",
        "date field value out of range",
    )
    assert datetime.fromisoformat(broken["error"]["failed_at"]) >= minute
    shared_superuser.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [minute + MINUTE, job_id])
    assert status(api, workspace, job_id)["error"] is None


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_malformed_job_says_so_and_the_others_go_on(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, minute: datetime, corruption: str
) -> None:
    endpoint = {"name": "other", "type": "HTTP", "spec": {"url": "http://127.0.0.1:9/hook"}}
    assert api.post(f"/v1/workspaces/{workspace}/endpoints", json=endpoint).status_code == 201
    broken = make_due(api, shared_superuser, workspace, minute)
    sound = make_due(api, shared_superuser, workspace, minute, endpoint="other")
    shared_superuser.execute(CORRUPTIONS[corruption], {"job_id": broken})

    for _ in range(2):  # from the first failure on, a call has ten seconds: a next one takes what is left
        shared_superuser.execute(
            "select kronos.account_each(array[%s, %s]::uuid[], clock_timestamp())", [broken, sound]
        )

    found = status(api, workspace, broken)
    assert found["health"] == "ERROR"
    assert found["error"]["message"]
    assert status(api, workspace, sound)["ledger"]["expected"] >= 1
    assert status(api, workspace, sound)["error"] is None
    base = f"/v1/workspaces/{workspace}/jobs"
    for path in (
        f"{base}/{broken}",
        base,
        f"{base}/{broken}/versions",
        f"{base}/{broken}/executions",
        f"{base}/{broken}/explain",
    ):
        assert api.get(path).status_code == 200, path
    assert api.get(f"{base}/{broken}/next-runs").status_code in (200, 409)
    assert api.delete(f"{base}/{broken}").json()["status"] == "RETIRED"


def test_whatever_is_done_to_a_job_leaves_its_ledger_whole(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, minute: datetime
) -> None:
    base = f"/v1/workspaces/{workspace}/jobs"
    job_id = make_due(api, shared_superuser, workspace, minute - 60 * MINUTE, name="report", overlap="QUEUE")

    def time_passes(minutes: int) -> None:
        """Move the current version and everything before it that many minutes into the past."""
        shared_superuser.execute(
            """
            update tests.jobs
               set next_tick_at = kronos.next_tick(schedule, next_tick_at - make_interval(mins => %(minutes)s)),
                   ticks_from = least(ticks_from, next_tick_at - make_interval(mins => %(minutes)s))
             where name = 'report' and status in ('ACTIVE', 'PAUSED')
               and workspace_id = (select workspace_id from tests.jobs where job_id = %(job_id)s)
               and not exists (select from kronos.executions as run
                                where run.job_id = jobs.job_id and run.cause in ('SCHEDULE', 'CATCH_UP'))
            """,
            {"minutes": minutes, "job_id": job_id},
        )

    changes: list[tuple[str, str, Any]] = [
        ("POST", "/pause", {"note": "a while"}),
        ("POST", "/resume", None),
        ("POST", "/skip-next", {"count": 2}),
        ("POST", "/trigger", None),
        ("PATCH", "", {"cron": "*/2 * * * *"}),
        ("POST", "/pause", None),
        ("PATCH", "", {"timezone": "Asia/Kathmandu", "cron": "* * * * *"}),
        ("POST", "/resume", None),
        ("DELETE", "", None),
    ]
    for method, path, body in changes:
        time_passes(10)
        assert api.request(method, f"{base}/report{path}", json=body).status_code in (200, 202), path

    versions = api.get(f"{base}/report/versions").json()["data"]
    ledgers = [status(api, workspace, each["job_id"])["ledger"] for each in versions]
    assert [(each["unaccounted"], each["surplus"]) for each in ledgers] == [(0, 0)] * 3
    assert min(each["expected"] for each in ledgers) >= 3


def test_a_one_shot_has_no_ledger(api: httpx.Client, workspace: str) -> None:
    job = api.post(f"/v1/workspaces/{workspace}/jobs", json={"endpoint": "sink", "trigger": "IMMEDIATE"}).json()
    found = status(api, workspace, job["job_id"])
    assert (found["ledger"], found["overdue_seconds"], found["error"], found["health"]) == (None, 0, None, "HEALTHY")


def test_the_status_of_a_job_that_is_not_there_is_404(api: httpx.Client, workspace: str) -> None:
    assert api.get(f"/v1/workspaces/{workspace}/jobs/nothing/status").status_code == 404
