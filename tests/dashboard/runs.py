"""Past runs, created with SQL: their attempts, requests and answers, as a worker stores them."""

from datetime import timedelta
from typing import Any

import httpx
import psycopg
from psycopg.types.json import Jsonb

from alert_rows import add_incident

Connection = psycopg.Connection[tuple[Any, ...]]
ANSWER = {
    "status": 500,
    "headers": ["content-type"],
    "body_bytes": 24,
    "body": "the till is out of paper",
    "truncated": False,
}
REQUEST = {
    "method": "POST",
    "url": "https://example.com/hook?token=…",
    "headers": ["authorization", "content-type", "webhook-signature"],
    "body_bytes": 17,
}
_ENDED = """
with run as (
    select kronos.uuid7(tick.at + %(nth)s * interval '1 ms') as execution_id, tick.at, job.job_id, job.workspace_id,
           job.endpoint_id
      from kronos.jobs as job
      join kronos.workspaces as workspace using (workspace_id)
     cross join lateral (select now() - %(ago)s as at) as tick
     where job.name = %(job)s and workspace.slug = %(workspace)s and job.status in ('ACTIVE', 'PAUSED')
), tried as (
    insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status, started_at,
                                completed_at, duration_ms, worker_id, request, response, error, endpoint_version)
    select run.execution_id, gen_random_uuid(), run.workspace_id, number, 'FAILED',
           run.at + number * interval '2 s', run.at + number * interval '2 s' + interval '300 ms', 300, 'w-1',
           %(request)s, %(response)s, %(error)s, 1
      from run
     cross join generate_series(1, %(attempts)s) as number
     where %(status)s = 'FAILED'
)
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status,
                                   status_reason, scheduled_at, run_at, created_at, started_at, completed_at,
                                   attempt_count, max_attempts, worker_id, input, output, error, attempt_token,
                                   attempt_ms, attempt_request)
select execution_id, workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', %(status)s, %(reason)s, at, at, at,
       at + interval '2 s', at + %(attempts)s * interval '2 s' + interval '300 ms', %(attempts)s, 5, 'w-1',
       '{"order": 4711}', case when %(status)s = 'SUCCESS' then %(response)s end,
       case when %(status)s = 'FAILED' then %(error)s end,
       case when %(status)s = 'SUCCESS' then gen_random_uuid() end, case when %(status)s = 'SUCCESS' then 300 end,
       case when %(status)s = 'SUCCESS' then %(request)s end
  from run
returning execution_id
"""


def ended(
    connection: Connection,
    workspace: str,
    job: str,
    status: str = "FAILED",
    *,
    ago: timedelta = timedelta(minutes=5),
    nth: int = 0,
    attempts: int = 3,
    message: str = "the endpoint answered 500, expected 200 to 299",
) -> str:
    """A finished run of a CRON job; its id."""
    params = {
        "workspace": workspace,
        "job": job,
        "status": status,
        "ago": ago,
        "nth": nth,
        "attempts": attempts if status == "FAILED" else 1,
        "request": Jsonb(REQUEST),
        "response": Jsonb(ANSWER if status == "FAILED" else ANSWER | {"status": 200, "body": "thank you"}),
        "error": Jsonb({"type": "http_status", "message": message}),
        "reason": None
        if status in ("SUCCESS", "FAILED")
        else Jsonb({"code": "paused", "detail": "the job was paused"}),
    }
    (row,) = connection.execute(_ENDED, params).fetchall()
    return str(row[0])


def furnish_runs(api: httpx.Client, database_url: str, workspace: str, job: str) -> dict[str, str]:
    """The job's finished runs, a waiting run, dead letters and an operation; their ids for the paths of pages."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        add_incident(connection, workspace, rule="nights")
        for nth in range(12):
            status = ("SUCCESS", "SUCCESS", "SUCCESS", "SKIPPED")[nth % 4]
            ended(connection, workspace, job, status, ago=timedelta(minutes=10 + nth), nth=nth)
        failed = [ended(connection, workspace, job, ago=timedelta(minutes=3 + nth), nth=nth) for nth in range(4)]
        for nth in range(4):
            body = {"endpoint": "sink", "trigger": "CRON", "name": f"at-nine-{nth}", "cron": "0 9 * * *"}
            made = api.post(f"/v1/workspaces/{workspace}/jobs", json=body)
            assert made.status_code == 201, made.text
        nine = connection.execute("select kronos.next_tick(kronos.parse_cron('0 9 * * *'), now())").fetchone()
        assert nine is not None
        waiting = api.post(f"/v1/workspaces/{workspace}/jobs/{job}/trigger", json={"input": {"by": "hand"}})
        assert waiting.status_code == 202, waiting.text
        connection.execute(
            "update kronos.execution_live set visible_at = now() - interval '5 min' where execution_id = %s",
            [waiting.json()["execution_id"]],
        )
    begun = api.post(f"/v1/workspaces/{workspace}/dead-letters/redrive", json={"error_type": "none_such"})
    assert begun.status_code == 202, begun.text
    bulk = begin_bulk(api, database_url, workspace)
    return {
        "execution": failed[0],
        "bulk": bulk,
        "busy": nine[0].strftime("%Y-%m-%dT%H:%M:00Z"),
        "waiting": waiting.json()["execution_id"],
        "operation": begun.json()["operation_id"],
    }


def begin_bulk(api: httpx.Client, database_url: str, workspace: str) -> str:
    """A bulk pause of jobs in progress, one of which was rejected; its id."""
    body = {"action": "pause", "filter": {"tag": "reports", "q": "nine"}, "note": "the move", "per_second": 1}
    begun = api.post(f"/v1/workspaces/{workspace}/operations", json=body)
    assert begun.status_code == 202, begun.text
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "update kronos.operations set total = 4, done = 2, failed = 1, failures = '{\"held\": 1}', refused ="
            " jsonb_build_array(jsonb_build_object('job', gen_random_uuid(), 'code', 'held', 'detail',"
            " 'another session held the job; try again')) where operation_id = %s",
            [begun.json()["operation_id"]],
        )
    return str(begun.json()["operation_id"])
