"""A one-shot that is its execution has few entries in the queue's indexes, and is still found: by its job, by its
endpoint, waiting and running.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from factory import EndpointRow, add_endpoint, add_executions
from kept import Kept
from one_shot_rows import DAY, NO_FILTER, finish, make, name_of, run_as_api
from retention_rows import retain_all
from sql.plans import plan_of, rows_read, seq_scans
from sql_factory import Connection, acting_as, make_cron_job, value, values
from worker.protocol import as_worker, claim

_PAGE: dict[str, object] = {"before_created_at": None, "before_id": None, "limit": 50, "bytes": 1_048_576}
_EXECUTIONS = _PAGE | dict.fromkeys(("status", "scheduled_after", "scheduled_before"))
_UNDER_WAY = """
update kronos.execution_live
   set claim_token = gen_random_uuid(), worker_id = 'w', claimed_at = now(), started_at = now(), attempt_count = 1,
       visible_at = now() + interval '1 minute'
 where execution_id = any (%s)
"""
# The indexes whose predicates the row satisfies.
_ENTRIES = """
select relname from pg_index join pg_class on pg_class.oid = indexrelid
 where indrelid = 'kronos.execution_live'::regclass
   and (indpred is null
        or (xpath('/row/met/text()', query_to_xml(format('select %%s as met from kronos.execution_live where '
                                                         'execution_id = %%L',
                                                         pg_get_expr(indpred, indrelid), %s::uuid),
                                                  false, true, '')))[1]::text = 'true')
 order by relname
"""


def _ids(rows: list[dict[str, Any]]) -> list[UUID]:
    return [row["job_id"] for row in rows]


def _entries(connection: Connection, execution_id: UUID) -> list[str]:
    return [name.removeprefix("execution_live_") for name in values(connection, _ENTRIES, [execution_id])]


def test_a_claim_of_a_lone_one_shot_writes_two_entries(superuser: Connection, database_url: str) -> None:
    endpoint = add_endpoint(superuser)
    (lone,) = _ids(make(superuser, endpoint))
    assert _entries(superuser, lone) == ["one_shots", "pkey", "ready"]
    with as_worker(database_url) as worker:
        _, claimed = claim(worker, endpoint)
    assert claimed == [lone]
    assert _entries(superuser, lone) == ["lease", "pkey"]
    (of_a_job,) = add_executions(superuser, endpoint, 1)
    superuser.execute(_UNDER_WAY, [[of_a_job]])
    assert _entries(superuser, of_a_job) == ["by_job", "lease", "pkey"]


@pytest.fixture(scope="module")
def crowd(kept_shared: Kept) -> tuple[EndpointRow, UUID]:
    """2,000 one-shots of one endpoint, 40 of them running; half as many of another; and a CRON job's execution."""
    with kept_shared.connection() as connection:
        return _crowd(connection)


def _crowd(connection: Connection) -> tuple[EndpointRow, UUID]:
    endpoint = add_endpoint(connection)
    job_id = make_cron_job(connection, endpoint=endpoint)
    lone = sorted(_ids(make(connection, endpoint, 2000)))  # ids within a millisecond have no order
    make(connection, add_endpoint(connection, endpoint.workspace_id), 1000)
    connection.execute(_UNDER_WAY, [lone[::50]])
    connection.execute(
        "insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,"
        " scheduled_at, run_at, visible_at, max_attempts, max_crashes, timeout_ms, input)"
        " select kronos.uuid7(), workspace_id, %s, endpoint_id, 1, 'SCHEDULE', now(), now(), now(), 1, 1, 1000, '{}'"
        " from kronos.endpoints where endpoint_id = %s",
        [job_id, endpoint.endpoint_id],
    )
    connection.execute("analyze kronos.execution_live")
    return endpoint, job_id


@pytest.mark.parametrize("is_claimed", [False, True], ids=["waiting", "under way"])
def test_a_lone_one_shot_is_found_by_its_job_without_the_queue(
    undone: Connection, crowd: tuple[EndpointRow, UUID], is_claimed: bool
) -> None:
    endpoint, _ = crowd
    lone = value(
        undone,
        "select execution_id from kronos.execution_live where job_id = execution_id and (claim_token is not null) = %s"
        " order by execution_id offset 20 limit 1",
        [is_claimed],
    )
    job: dict[str, object] = {"job": str(lone)}
    reads: dict[str, dict[str, object]] = {
        "executions.list_job_executions": _EXECUTIONS | job,
        "job_reads.get_job": job,
        "job_reads.get_job_statistics": job,
        "ledger.get_standing": job,
        "explain.get_facts": job | {"at": None},
    }
    for statement, params in reads.items():
        assert len(run_as_api(undone, endpoint, statement, params)) == 1
        plan = plan_of(undone, statement, params, workspace_id=endpoint.workspace_id)
        assert rows_read(plan, "execution_live") <= 1, statement
        assert seq_scans(plan, "execution_live") == [], statement
    (row,) = run_as_api(undone, endpoint, "executions.list_job_executions", _EXECUTIONS | job)
    assert (row["execution_id"], row["status"]) == (lone, "RUNNING" if is_claimed else "QUEUED")


def test_a_cron_jobs_executions_are_found_without_the_queue(
    undone: Connection, crowd: tuple[EndpointRow, UUID]
) -> None:
    endpoint, job_id = crowd
    job: dict[str, object] = {"job": str(job_id)}
    reads: dict[str, dict[str, object]] = {
        "executions.list_job_executions": _EXECUTIONS | job,
        "job_reads.get_job_statistics": job,
        "ledger.get_standing": job,
        "explain.get_facts": job | {"at": datetime.now(UTC)},
    }
    for statement, params in reads.items():
        assert run_as_api(undone, endpoint, statement, params)
        plan = plan_of(undone, statement, params, workspace_id=endpoint.workspace_id)
        assert rows_read(plan, "execution_live") <= 1, statement
        assert seq_scans(plan, "execution_live") == [], statement


def test_a_page_of_an_endpoint_has_those_under_way_and_reads_no_others(
    undone: Connection, crowd: tuple[EndpointRow, UUID]
) -> None:
    endpoint, _ = crowd
    params = NO_FILTER | _PAGE | {"endpoint": name_of(undone, endpoint), "trigger": "IMMEDIATE"}
    shown = _ids(run_as_api(undone, endpoint, "job_reads.list_jobs", params))
    assert shown == values(
        undone,
        "select execution_id from kronos.execution_live where endpoint_id = %s and job_id = execution_id"
        " order by created_at desc, execution_id desc limit 50",
        [endpoint.endpoint_id],
    )
    assert value(
        undone,
        "select count(*) from kronos.execution_live where execution_id = any (%s) and worker_id = 'w'",
        [shown],
    )
    plan = plan_of(undone, "job_reads.list_jobs", params, workspace_id=endpoint.workspace_id)
    assert rows_read(plan, "execution_live") <= 2 * 51


def test_a_lone_one_shot_under_way_is_cancelled_and_its_input_counts(
    undone: Connection, crowd: tuple[EndpointRow, UUID]
) -> None:
    endpoint, _ = crowd
    lone = value(undone, "select execution_id from kronos.execution_live where worker_id = 'w' limit 1")
    with acting_as(undone, "kronos_api"):
        undone.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
        read = "select job_id from kronos.live_inputs(null, %s, null)"
        inputs = values(undone, read, [name_of(undone, endpoint)])
    assert lone in inputs
    assert len(inputs) == len(set(inputs)) == 2001
    with acting_as(undone, "kronos_api"):
        assert value(undone, "select kronos.cancel_one_shot(%s)", [lone]) == lone
        undone.execute("select set_config('kronos.workspace_id', '', false)")
    reason = "select cancel_reason ->> 'code' from kronos.execution_live where execution_id = %s"
    assert value(undone, reason, [lone]) == "job_cancelled"


def test_the_row_of_a_cancelled_one_shot_stays_as_long_as_its_execution(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    (lone,) = _ids(make(superuser, endpoint, run_at=datetime.now(UTC) + DAY))
    superuser.execute("insert into kronos.jobs select * from kronos.one_shot_rows(array[%s::uuid])", [lone])
    superuser.execute(
        "update kronos.jobs set status = 'RETIRED', created_at = now() - interval '400 days',"
        " retired_at = now() - interval '400 days' where job_id = %s",
        [lone],
    )
    assert retain_all(superuser)["jobs"] == 0
    finish(superuser)
    superuser.execute("delete from kronos.execution_done")
    assert retain_all(superuser)["jobs"] == 1
