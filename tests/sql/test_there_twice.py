"""A run that is both live and in the history stops nothing: the history stays, and the new result is recorded."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest

from factory import AS_HISTORY, EndpointRow, add_endpoint, attempts_of
from kronos import sql
from sql_factory import Connection, make_cron_job, records, value, values
from worker import protocol

_MAKE = """
insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
    scheduled_at, run_at,
                                   visible_at, max_attempts, max_crashes, timeout_ms, input, overlap_key)
select kronos.tick_id(job_id, date_trunc('minute', now())), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE',
       now(), now(),
       now(), 5, 0, 5000, '{}',
       case when overlap <> 'ALLOW' then first_version_id end
  from kronos.jobs where job_id = %s
returning execution_id
"""


def success(su: Connection, worker: psycopg.Connection, token: uuid.UUID, run: uuid.UUID) -> None:
    assert protocol.finalize(worker, token, [run]) == {run: "SUCCESS"}


def failure(su: Connection, worker: psycopg.Connection, token: uuid.UUID, run: uuid.UUID) -> None:
    assert protocol.finalize(worker, token, [run], "PERMANENT") == {run: "FAILED"}


def cut_off(su: Connection, worker: psycopg.Connection, token: uuid.UUID, run: uuid.UUID) -> None:
    params = protocol.finalize_params(token, [run], "UNKNOWN", is_retryable=True, retry=timedelta()) | {
        "is_cut_off": [True]
    }
    assert protocol.run(worker, "finalize_executions", params) == [(run, "FAILED")]


def cancelled_and_given_back(su: Connection, worker: psycopg.Connection, token: uuid.UUID, run: uuid.UUID) -> None:
    su.execute('update kronos.execution_live set cancel_reason = \'{"code": "job_cancelled"}\'')
    assert protocol.release(worker, token, [run]) == [run]


def lease(su: Connection, worker: psycopg.Connection, token: uuid.UUID, run: uuid.UUID) -> None:
    su.execute("update kronos.execution_live set visible_at = now() - interval '1 second'")
    assert protocol.expire(worker) == (0, 1)


def replaced(su: Connection, worker: psycopg.Connection, token: uuid.UUID, run: uuid.UUID) -> None:
    assert value(su, "select kronos.replace_runs(overlap_key, 'infinity') from kronos.execution_live")


def cancelled_with_its_job(su: Connection, worker: psycopg.Connection, token: uuid.UUID, run: uuid.UUID) -> None:
    su.execute(
        "update kronos.execution_live set claim_token = null, worker_id = null, claimed_at = null, holds_slot = "
        "false, attempt_count = 0"
    )
    su.execute('select kronos.cancel_executions(array[%s::uuid], \'{"code": "job_cancelled"}\')', [run])


def cancelled_over_the_api(su: Connection, worker: psycopg.Connection, token: uuid.UUID, run: uuid.UUID) -> None:
    su.execute(
        "update kronos.execution_live set claim_token = null, worker_id = null, claimed_at = null, holds_slot = "
        "false, attempt_count = 0"
    )
    with su.transaction():
        workspace = value(su, "select workspace_id from kronos.execution_live")
        su.execute("select set_config('kronos.workspace_id', %s, true)", [str(workspace)])
        assert su.execute(sql.texts()["executions.cancel_execution"], {"execution_id": run}).fetchall() == [(run,)]


@pytest.mark.parametrize(
    ("end", "attempts"),
    [
        (success, ["SUCCESS"]),
        (failure, ["FAILED"]),
        (cut_off, ["UNKNOWN"]),
        (cancelled_and_given_back, []),
        (lease, ["LOST"]),
        (replaced, ["UNKNOWN"]),
        (cancelled_with_its_job, []),
        (cancelled_over_the_api, []),
    ],
)
def test_no_matter_who_ends_it_it_is_ended(
    superuser: Connection,
    worker: psycopg.Connection,
    end: Callable[[Connection, psycopg.Connection, uuid.UUID, uuid.UUID], None],
    attempts: list[str],
) -> None:
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint, overlap="REPLACE")
    run = value(superuser, _MAKE, [job_id])
    token, claimed = protocol.claim(worker, endpoint)
    assert claimed == [run]
    superuser.execute(AS_HISTORY)

    end(superuser, worker, token, run)

    assert values(superuser, "select execution_id from kronos.execution_live") == []
    assert records(
        superuser, "select status, input, attempt_count from kronos.execution_done where execution_id = %s", [run]
    ) == [{"status": "SUCCESS", "input": {"then": 1}, "attempt_count": 1}]
    assert attempts_of(superuser, run) == attempts


def test_a_retry_by_hand_leaves_the_one_that_is_due(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    run = value(superuser, _MAKE, [make_cron_job(superuser, endpoint)])
    superuser.execute(AS_HISTORY)
    superuser.execute("update kronos.execution_done set status = 'FAILED'")
    with superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        assert value(superuser, "select kronos.retry_execution(%s)", [run]) is None
    assert values(superuser, "select execution_id from kronos.execution_done where execution_id = %s", [run]) == []
    assert values(superuser, "select execution_id from kronos.execution_live") == [run]


def test_it_stops_nobody_that_ends_with_it(superuser: Connection, worker: psycopg.Connection) -> None:
    endpoint: EndpointRow = add_endpoint(superuser)
    odd = value(superuser, _MAKE, [make_cron_job(superuser, endpoint)])
    superuser.execute(AS_HISTORY)
    sound = [value(superuser, _MAKE, [make_cron_job(superuser, endpoint)]) for _ in range(3)]
    token, claimed = protocol.claim(worker, endpoint)
    assert protocol.finalize(worker, token, claimed) == dict.fromkeys([odd, *sound], "SUCCESS")
    assert (
        values(superuser, "select status from kronos.execution_done where execution_id = any (%s)", [sound])
        == ["SUCCESS"] * 3
    )
