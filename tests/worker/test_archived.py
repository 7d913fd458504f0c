"""What the history keeps of an execution: kronos.archived defines it, and the three statements that end nearly every
delivery, each of which spells it out, agree with it."""

from typing import Any
from uuid import UUID

import psycopg
import pytest

from factory import EndpointRow, add_endpoint, add_executions
from sql_factory import records, value
from worker.protocol import as_worker, claim, finalize, release

_LIVE = """
    select to_jsonb(done)
      from kronos.execution_live as live
     cross join lateral kronos.archived(live, %(status)s, '{"code": "any"}', '{"status": 200}', '{"type": "any"}',
                                        kronos.now()) as done
     where live.execution_id = %(execution_id)s
"""
# The values that depend on the statement that ends an execution.
_OF_THE_END = {"status", "status_reason", "output", "error", "completed_at"}
_OF_THE_ATTEMPT = {"attempt_token", "attempt_ms", "attempt_request"}


def _kept(connection: psycopg.Connection, query: str, **params: Any) -> dict[str, Any]:
    row = value(connection, query, params)
    assert isinstance(row, dict)
    return {column: row[column] for column in row if column not in _OF_THE_END | _OF_THE_ATTEMPT}


def _done(connection: psycopg.Connection, execution_id: UUID) -> dict[str, Any]:
    return _kept(
        connection,
        "select to_jsonb(done) from kronos.execution_done as done where execution_id = %(execution_id)s",
        execution_id=execution_id,
    )


_ENDS = ["finalize_successes", "finalize_limited_successes", "finalize_executions"]


def _ended_by(connection: psycopg.Connection, ends: str) -> EndpointRow:
    """An endpoint whose successes this statement ends: finalize_executions ends those of watched endpoints."""
    endpoint = add_endpoint(connection, max_in_flight=None if ends == "finalize_successes" else 5)
    if ends == "finalize_executions":
        connection.execute(
            "insert into kronos.endpoint_health (endpoint_id, workspace_id, failures, failing_since, is_watched) values"
            " (%s, %s, 1, now(), true)",
            [endpoint.endpoint_id, endpoint.workspace_id],
        )
    return endpoint


@pytest.mark.parametrize("ends", _ENDS)
@pytest.mark.parametrize("status", ["SUCCESS", "PERMANENT"])
def test_what_ends_a_delivery_keeps_all_that_archived_keeps(
    superuser: psycopg.Connection, database_url: str, ends: str, status: str
) -> None:
    endpoint = _ended_by(superuser, ends)
    (execution_id,) = add_executions(superuser, endpoint, input={"order": 1})
    superuser.execute(
        "update kronos.execution_live set backfill_id = gen_random_uuid(), created_at = '2001-02-03', priority = 3, "
        'created_by = \'{"actor": "one"}\''
    )
    with as_worker(database_url) as worker:
        token, claimed = claim(worker, endpoint)
        expected = _kept(superuser, _LIVE, execution_id=execution_id, status="SUCCESS")
        finalize(worker, token, claimed, status)
    assert None not in expected.values()
    assert _done(superuser, execution_id) == expected


def _attempts(connection: psycopg.Connection, execution_id: UUID) -> list[dict[str, Any]]:
    """The attempts as lists show them, and how many rows of kronos.attempt they take."""
    return records(
        connection,
        """
        select attempt.attempt_number, attempt.status, attempt.response -> 'status' as answered, attempt.duration_ms,
               attempt.request ->> 'method' as method,
               attempt.error is null as is_clean, attempt.worker_id = done.worker_id as by_its_worker,
               attempt.started_at >= done.created_at and attempt.completed_at = done.completed_at as is_timed,
               attempt.endpoint_version, attempt.workspace_id = done.workspace_id as of_its_workspace,
               (select count(*) from kronos.attempt as one where one.execution_id = done.execution_id) as rows
          from kronos.execution_done as done
         cross join lateral kronos.read_attempts(done.execution_id) as attempt
         where done.execution_id = %s
         order by attempt_number
        """,
        [execution_id],
    )


def test_the_only_attempt_of_a_success_is_kept_in_its_row_and_shown_as_any_other(
    superuser: psycopg.Connection, database_url: str
) -> None:
    endpoints = [_ended_by(superuser, ends) for ends in _ENDS]
    ids = [add_executions(superuser, endpoint)[0] for endpoint in endpoints]
    with as_worker(database_url) as worker:
        for endpoint in endpoints:
            finalize(worker, *claim(worker, endpoint))
    plain, limited, apart = (_attempts(superuser, each) for each in ids)
    assert [each.pop("rows") for each in (*plain, *limited, *apart)] == [0, 0, 1]
    assert plain == limited == apart
    assert plain[0]["status"] == "SUCCESS"
    assert plain[0]["is_timed"]


def test_the_attempts_of_a_late_success_are_rows_of_their_own(superuser: psycopg.Connection, database_url: str) -> None:
    endpoint = add_endpoint(superuser, max_attempts=3)
    (execution_id,) = add_executions(superuser, endpoint)
    with as_worker(database_url) as worker:
        finalize(worker, *claim(worker, endpoint), "FAILED")
        superuser.execute("update kronos.execution_live set visible_at = now()")
        finalize(worker, *claim(worker, endpoint))
    shown = _attempts(superuser, execution_id)
    assert [(each["status"], each["rows"]) for each in shown] == [("FAILED", 2), ("SUCCESS", 2)]
    of_its_only = "select attempt_token, attempt_ms, attempt_request from kronos.execution_done where execution_id = %s"
    assert superuser.execute(of_its_only, [execution_id]).fetchall() == [(None, None, None)]


def test_a_claim_that_was_given_back_is_not_in_the_history(superuser: psycopg.Connection, database_url: str) -> None:
    endpoint = add_endpoint(superuser)
    first, second = add_executions(superuser, endpoint, 2)
    superuser.execute(
        "update kronos.execution_live set attempt_count = 1, started_at = '2001-02-03' where execution_id = %s",
        [second],
    )
    with as_worker(database_url) as worker:
        token, claimed = claim(worker, endpoint)
        superuser.execute("""update kronos.execution_live set cancel_reason = '{"code": "cancelled"}'""")
        release(worker, token, claimed)
    found = records(
        superuser,
        """
        select execution_id, status, status_reason ->> 'code' as code, attempt_count, worker_id,
               started_at = '2001-02-03' as started
          from kronos.execution_done
         where execution_id = any (%s)
         order by attempt_count
        """,
        [[first, second]],
    )
    assert [tuple(row.values()) for row in found] == [
        (first, "CANCELLED", "cancelled", 0, None, None),
        (second, "CANCELLED", "cancelled", 1, None, True),
    ]


def test_archived_is_inlined_where_it_is_called(superuser: psycopg.Connection) -> None:
    plan = records(
        superuser,
        """
        explain (verbose) select done.* from kronos.execution_live as live
         cross join lateral kronos.archived(live, 'CANCELLED', null, null, live.error) as done
        """,
    )
    assert not any("archived" in str(line) for line in plan), plan
