"""The guarantees of the statements' callers: no result blocks its batch, rotation is exact, wakes are not lost."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from factory import AS_HISTORY, EndpointRow, add_endpoint, add_executions, attempts_of, in_flight, status_of
from kronos.reading import EARLIEST, LATEST, counted
from kronos.worker import claims
from kronos.worker.arrays import Documents
from kronos.worker.link import Link, Outage
from kronos.worker.results import Result, finalize
from kronos.worker.rotation import Rotation
from kronos.worker.shares import Shares
from worker.protocol import EVERYTHING, as_worker, claim


async def test_a_worker_reads_what_python_has_not(link: Link) -> None:
    connection = await link.connected()
    instants = (
        "'infinity'",
        "'-infinity'",
        "'20000-01-01 00:00Z'",
        "'0044-03-15 12:00Z BC'",
        "'2026-11-28 08:00:00.000001Z'",
    )
    rows = await connection.execute(f"select {', '.join(f'{each}::timestamptz' for each in instants)}", binary=True)
    (found,) = await rows.fetchall()
    assert found[:4] == (LATEST, EARLIEST, LATEST, EARLIEST)
    assert [counted(each) for each in found[:2]] == [2**63 - 1, -(2**63)]
    assert found[4] == datetime(2026, 11, 28, 8, 0, 0, 1, tzinfo=UTC)


def _result(execution_id: UUID, token: UUID | str, **changes: Any) -> Result:
    row = {
        "status": "SUCCESS",
        "is_retryable": False,
        "retry_ms": 0,
        "duration_ms": 1,
        "request": None,
        "response": '{"body": "ok"}',
        "error": None,
    }
    return Result(execution_id=str(execution_id), claim_token=str(token), **{**row, **changes})


@pytest.mark.parametrize(
    "bad",
    [{"response": '{"body": "\\u0000"}'}, {"response": '{"body": "\0"}'}, {"response": '"\ud800"'}, {"response": "{"}],
)
async def test_one_result_that_cannot_be_stored_does_not_stop_its_batch(
    superuser: psycopg.Connection, database_url: str, link: Link, bad: dict[str, Any]
) -> None:
    ids = add_executions(superuser, add_endpoint(superuser), 7)
    with as_worker(database_url) as connection:
        token, _ = claim(connection, *[_endpoint(superuser, ids[0])])
    results = [_result(one, token, **(bad if place == 3 else {})) for place, one in enumerate(ids)]
    assert await finalize(link, results, worker_id="w") == dict.fromkeys(map(str, ids), "SUCCESS")
    stored = superuser.execute("select execution_id, output is null from kronos.execution_done").fetchall()
    assert [one for one, is_null in stored if is_null] == [ids[3]]


async def test_documents_are_stored_as_they_are_whatever_they_hold(link: Link) -> None:
    texts = ['"\\"{},\\\\NULL\\u00e9"', None, "[1, {}]", '"\u65e5 \U0001f600"', '""', "null"]
    for each in (texts, [None], []):
        connection = await link.connected()
        rows = await connection.execute("select %s::jsonb[]::text[]", [Documents(each)], binary=True)
        ((found,),) = await rows.fetchall()
        assert [one and json.loads(one) for one in found] == [one and json.loads(one) for one in each]
        assert [one is None for one in found] == [one is None for one in each]


async def test_a_result_that_cannot_be_stored_at_all_is_left_to_its_lease(
    superuser: psycopg.Connection, database_url: str, link: Link
) -> None:
    ids = add_executions(superuser, add_endpoint(superuser), 3)
    with as_worker(database_url) as connection:
        token, _ = claim(connection, *[_endpoint(superuser, ids[0])])
    results = [_result(one, token, **({"status": "NONSENSE"} if place == 1 else {})) for place, one in enumerate(ids)]
    assert await finalize(link, results, worker_id="w") == {
        str(ids[0]): "SUCCESS",
        str(ids[1]): "DROPPED",
        str(ids[2]): "SUCCESS",
    }
    assert status_of(superuser, ids[1]) == "RUNNING"


@pytest.mark.parametrize(
    "odd",
    [
        "visible_at = '-infinity'",
        "visible_at = '4714-11-24 00:00:00+00 BC', scheduled_at = 'infinity', created_at = '-infinity'",
        "scheduled_at = '-infinity', run_at = 'infinity', created_at = 'infinity', started_at = '-infinity'",
        "scheduled_at = '294276-12-31 23:59:59.999999+00', created_at = '4714-11-24 00:00:00+00 BC'",
        "timeout_ms = 2147483647",
        "timeout_ms = -2147483648",
    ],
)
async def test_a_row_with_odd_instants_stops_nothing_and_is_delivered_itself(
    superuser: psycopg.Connection, database_url: str, link: Link, odd: str
) -> None:
    ids = add_executions(superuser, add_endpoint(superuser), 3)
    superuser.execute(f"update kronos.execution_live set {odd} where execution_id = %s".encode(), [ids[1]])
    (due,) = await claims.due_endpoints(link, floors={}, since=None)
    assert due.due_in_ms <= 0
    wanted, token = [claims.Wanted(endpoint_id=due.endpoint_id, quota=10, floor=EVERYTHING)], str(uuid4())
    claimed, _ = await claims.claim(link, wanted, token=token, worker_id="w", shortest_lease=timedelta(seconds=15))
    assert {UUID(one.execution_id) for one in claimed} == set(ids)
    assert {UUID(one.execution_id) for one in await claims.recover(link, wanted, token=token)} == set(ids)
    rotation = Rotation(Shares(100))
    rotation.claimed(wanted, claimed)
    assert await finalize(link, [_result(one, token) for one in ids], worker_id="w") == dict.fromkeys(
        map(str, ids), "SUCCESS"
    )


def _endpoint(superuser: psycopg.Connection, execution_id: UUID) -> EndpointRow:
    (row,) = superuser.execute(
        "select endpoint_id, workspace_id from kronos.execution_live where execution_id = %s", [execution_id]
    ).fetchall()
    return EndpointRow(endpoint_id=row[0], workspace_id=row[1], timeout_ms=5000, max_attempts=5, max_crashes=3)


@pytest.mark.parametrize("odd", [None, "limited", "in the history", "fenced", "failed"])
async def test_successes_end_with_what_ends_otherwise(
    superuser: psycopg.Connection, database_url: str, link: Link, odd: str | None
) -> None:
    free, limited = add_endpoint(superuser), add_endpoint(superuser, max_in_flight=5)
    ids = add_executions(superuser, free, 3)
    other = add_executions(superuser, limited if odd == "limited" else free, 1)[0]
    with as_worker(database_url) as connection:
        token, claimed = claim(connection, free, limited)
    assert set(claimed) == {*ids, other}
    if odd == "in the history":
        superuser.execute(f"{AS_HISTORY} where execution_id = %s", [other])
    result = _result(other, uuid4() if odd == "fenced" else token, **({"status": "FAILED"} if odd == "failed" else {}))

    verdicts = await finalize(link, [*(_result(one, token) for one in ids), result], worker_id="w")

    verdict = {"fenced": "FENCED", "failed": "FAILED"}.get(odd or "", "SUCCESS")
    assert verdicts == dict.fromkeys(map(str, ids), "SUCCESS") | {str(other): verdict}
    assert [status_of(superuser, one) for one in ids] == ["SUCCESS"] * 3
    assert [attempts_of(superuser, one) for one in ids] == [["SUCCESS"]] * 3
    assert status_of(superuser, other) == {"fenced": "RUNNING", "failed": "FAILED"}.get(odd or "", "SUCCESS")
    assert attempts_of(superuser, other) == {"fenced": [], "failed": ["FAILED"]}.get(odd or "", ["SUCCESS"])
    assert in_flight(superuser, limited) == 0
    stored = superuser.execute("select input from kronos.execution_done where execution_id = %s", [other]).fetchone()
    assert (stored == ({"then": 1},)) == (odd == "in the history")


async def test_a_finalize_is_repeated_until_it_is_answered(
    superuser: psycopg.Connection, database_url: str, link: Link
) -> None:
    ids = add_executions(superuser, add_endpoint(superuser), 2)
    with as_worker(database_url) as connection:
        token, _ = claim(connection, *[_endpoint(superuser, ids[0])])
    await link.connected()
    superuser.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'kronos-worker-test' and pid "
        "<> pg_backend_pid()"
    )
    assert await finalize(link, [_result(one, token) for one in ids], worker_id="w") == dict.fromkeys(
        map(str, ids), "SUCCESS"
    )
    assert await finalize(link, [_result(one, token) for one in ids], worker_id="w") == dict.fromkeys(
        map(str, ids), "ALREADY"
    )


class LossyLink(Link):
    """PostgreSQL executes the nth statement, but its answer is lost."""

    nth = 0

    async def texts(self, *args: Any, **options: Any) -> list[Any]:
        found = await super().texts(*args, **options)
        self.nth -= 1
        if self.nth == 0:
            raise psycopg.OperationalError("the answer was lost")
        return found

    async def pause(self) -> None:
        """The connection is back immediately."""


# For each result: its peculiarity, its verdict (ALREADY if the answer was lost), its execution's status and attempts.
_BROUGHT: dict[str, tuple[dict[str, Any], str, str, list[str]]] = {
    "well": ({}, "SUCCESS", "SUCCESS", ["SUCCESS"]),
    "limited": ({}, "SUCCESS", "SUCCESS", ["SUCCESS"]),
    "limited, retried": (
        {"status": "FAILED", "is_retryable": True, "retry_ms": 60_000},
        "RETRY",
        "RETRYING",
        ["FAILED"],
    ),
    "fenced": ({"claim_token": str(uuid4())}, "FENCED", "RUNNING", []),
    "failed": ({"status": "FAILED"}, "FAILED", "FAILED", ["FAILED"]),
    "cancelled": ({}, "SUCCESS", "SUCCESS", ["SUCCESS"]),
    "cancelled, failed": ({"status": "FAILED", "is_retryable": True}, "CANCELLED", "CANCELLED", ["FAILED"]),
    "cancelled, aborted for good": (
        {"status": "UNKNOWN", "error": '{"type": "cancelled", "message": "it was"}'},
        "CANCELLED",
        "CANCELLED",
        ["UNKNOWN"],
    ),
    "cancelled, refused for good": ({"status": "FAILED"}, "FAILED", "FAILED", ["FAILED"]),
    "in the history": ({}, "SUCCESS", "SUCCESS", ["SUCCESS"]),
    "unstorable": ({"response": '{"body": "\\u0000"}'}, "SUCCESS", "SUCCESS", ["SUCCESS"]),
    "limited, unstorable": ({"response": '"\ud800"'}, "SUCCESS", "SUCCESS", ["SUCCESS"]),
    "nonsense": ({"status": "NONSENSE"}, "DROPPED", "RUNNING", []),
}


@pytest.mark.parametrize("without", [(), ("unstorable", "limited, unstorable", "nonsense")], ids=["in halves", "whole"])
async def test_whichever_answer_is_lost_each_result_counts_once(
    superuser: psycopg.Connection, database_url: str, without: tuple[str, ...]
) -> None:
    brought = {name: row for name, row in _BROUGHT.items() if name not in without}
    wanted = {name: verdict for name, (_, verdict, *_) in brought.items()}
    link = LossyLink(database_url, "test", Outage())
    with as_worker(database_url) as connection:
        for nth in count(1):
            free, limited = add_endpoint(superuser), add_endpoint(superuser, max_in_flight=9)
            ids = {name: add_executions(superuser, limited if "limited" in name else free)[0] for name in brought}
            token, _ = claim(connection, free, limited, quota=20)
            for name, execution_id in ids.items():
                if "cancelled" in name:
                    superuser.execute(
                        "update kronos.execution_live set cancel_reason = '{}' where execution_id = %s", [execution_id]
                    )
                elif name == "in the history":
                    superuser.execute(f"{AS_HISTORY} where execution_id = %s", [execution_id])
            link.nth = nth

            verdicts = await finalize(
                link, [_result(ids[name], token)._replace(**odd) for name, (odd, *_) in brought.items()], worker_id="w"
            )

            said = {name: verdicts[str(execution_id)] for name, execution_id in ids.items()}
            for name, (_, verdict, status, attempts) in brought.items():
                may_be = {verdict} if verdict in ("FENCED", "DROPPED") else {verdict, "ALREADY"}
                assert said[name] in may_be, (nth, name)
                assert (status_of(superuser, ids[name]), attempts_of(superuser, ids[name])) == (status, attempts), (
                    nth,
                    name,
                )
            assert in_flight(superuser, limited) == 0, nth
            if link.nth > 0:  # no answer was left to lose
                assert said == wanted
                break
    await link.close()
