"""A session that locks an execution's row, its endpoint's gate or its job delays only that result; one that locks an
endpoint's row delays none."""

from collections.abc import Callable

import psycopg
import pytest

from delivery.servers import Receiver, Talk, answer
from factory import add_endpoint, add_executions, attempts_of, in_flight, status_of
from worker.protocol import claim, finalize
from worker.running import Worker, until

ROW = "select from kronos.execution_live where endpoint_id = %s for update"
GATE = "select from kronos.endpoint_gate where endpoint_id = %s for update"
JOB = "select from kronos.jobs where endpoint_id = %s for update"


@pytest.mark.parametrize("lock", [ROW, GATE, JOB], ids=["row", "gate", "job"])
async def test_what_somebody_has_locked_waits_alone_and_is_stored_once(
    superuser: psycopg.Connection, other: psycopg.Connection, start: Callable[..., Worker], lock: str
) -> None:
    async def answer_locked(talk: Talk) -> None:
        if talk.request.body == b'{"is_locked":true}':
            other.execute(lock, [held.endpoint_id])
        await answer()(talk)

    async with Receiver(answer_locked, keep=True) as receiver:
        held = add_endpoint(superuser, url=receiver.url, timeout_ms=60_000, max_in_flight=2)
        free = add_endpoint(superuser, url=receiver.url, timeout_ms=60_000, max_in_flight=20)
        worker = start()
        (waiting,) = add_executions(superuser, held, input={"is_locked": True}, is_told=True)
        await until(
            lambda: "cannot be stored while another session holds locks" in worker.log, "the lock to be told of"
        )
        assert "PostgreSQL is unavailable" not in worker.log
        others = add_executions(superuser, free, 20, is_told=True)
        await until(lambda: all(status_of(superuser, each) == "SUCCESS" for each in others), "the others")
        assert (status_of(superuser, waiting), in_flight(superuser, held)) == ("RUNNING", 1)
        other.rollback()
        await until(lambda: status_of(superuser, waiting) == "SUCCESS", "what was locked")
        assert attempts_of(superuser, waiting) == ["SUCCESS"]
        assert [in_flight(superuser, each) for each in (held, free)] == [0, 0]
    assert len(receiver.requests) == 21


@pytest.mark.parametrize("status", ["SUCCESS", "FAILED", "PERMANENT"])
def test_a_delivery_ends_while_somebody_has_its_endpoint_locked(
    superuser: psycopg.Connection, worker: psycopg.Connection, other: psycopg.Connection, status: str
) -> None:
    """Its first failure creates the endpoint's row of health."""
    endpoint = add_endpoint(superuser, max_in_flight=2)
    add_executions(superuser, endpoint, 2)
    token, ids = claim(worker, endpoint)
    worker.execute("set lock_timeout = '2 s'")
    for table in ("endpoints", "endpoint_versions", "workspaces"):
        other.execute(f"select from kronos.{table} for update".encode())
    assert len(finalize(worker, token, ids, status)) == 2
    assert in_flight(superuser, endpoint) == 0
