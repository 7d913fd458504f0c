"""A graceful shutdown that cuts deliveries off reports them, and gives their leases back: the next worker does not have
to wait for the leases to end."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from delivery.servers import OK, Receiver, Talk, answer, full_backlog, silent
from factory import add_endpoint, add_executions, attempts_of, status_of
from sql_factory import records, value
from worker.running import Worker, seconds_without_a_core, until

Start = Callable[..., Worker]


def error_of(superuser: psycopg.Connection) -> object:
    return value(
        superuser,
        "select error ->> 'type' from kronos.attempts where status <> 'RUNNING' order by attempt_number limit 1",
    )


async def test_what_is_cut_off_is_unknown_and_goes_on_under_the_same_key_with_the_next_worker(
    superuser: psycopg.Connection, start: Start
) -> None:
    async def first_never(talk: Talk) -> None:
        await (silent if len(receiver.requests) == 1 else answer())(talk)

    async with Receiver(first_never) as receiver:
        endpoint = add_endpoint(superuser, url=receiver.url, timeout_ms=600_000, max_in_flight=1)
        (execution_id,) = add_executions(superuser, endpoint)
        worker = start(shutdown_seconds=0.2)
        await until(lambda: len(receiver.requests) == 1, "the delivery")
        worker.tell()
        assert await worker.ends() == 0
        (left,) = records(superuser, "select claim_token, attempt_count, crashes, visible_at < now() + interval '1 "
                                     "minute' as is_soon"
                                     " from kronos.execution_live")  # fmt: skip
        assert left == {"claim_token": None, "attempt_count": 1, "crashes": 1, "is_soon": True}
        assert (attempts_of(superuser, execution_id), error_of(superuser)) == (["UNKNOWN"], "worker_stopped")
        assert value(superuser, "select in_flight from kronos.endpoint_gate where max_in_flight is not null") == 0
        start()
        await until(lambda: attempts_of(superuser, execution_id) == ["UNKNOWN", "SUCCESS"], "the next worker")
    assert {request.headers["idempotency-key"] for request in receiver.requests} == {str(execution_id)}
    assert "cut off" in worker.log


async def test_what_had_an_answer_is_judged_by_it(superuser: psycopg.Connection, start: Start) -> None:
    is_sent = asyncio.Event()

    async def dripping(talk: Talk) -> None:
        await talk.send(OK + b"Content-Length: 1000\r\n\r\nok")
        is_sent.set()
        await talk.is_gone()

    async with Receiver(dripping) as receiver:
        (execution_id,) = add_executions(superuser, add_endpoint(superuser, url=receiver.url, timeout_ms=600_000))
        worker = start(shutdown_seconds=0.2)
        await until(is_sent.is_set, "the delivery")
        worker.tell()
        assert await worker.ends() == 0
    assert (status_of(superuser, execution_id), attempts_of(superuser, execution_id)) == ("SUCCESS", ["SUCCESS"])


async def test_what_had_not_begun_is_given_back_and_not_counted(superuser: psycopg.Connection, start: Start) -> None:
    with full_backlog() as (_, port):
        (execution_id,) = add_executions(
            superuser, add_endpoint(superuser, url=f"http://127.0.0.1:{port}/", timeout_ms=600_000)
        )
        worker = start(shutdown_seconds=0.2)
        await until(lambda: status_of(superuser, execution_id) == "RUNNING", "the claim")
        worker.tell()
        assert await worker.ends() == 0
    (left,) = records(superuser, "select claim_token, attempt_count, crashes from kronos.execution_live")
    assert left == {"claim_token": None, "attempt_count": 0, "crashes": 0}
    assert attempts_of(superuser, execution_id) == []


@pytest.mark.parametrize(
    ("max_attempts", "max_crashes", "code"), [(1, 3, "attempts_exhausted"), (5, 0, "worker_stopped")]
)
async def test_what_must_not_be_sent_again_is_failed(
    superuser: psycopg.Connection, start: Start, max_attempts: int, max_crashes: int, code: str
) -> None:
    async with Receiver(silent) as receiver:
        endpoint = add_endpoint(
            superuser, url=receiver.url, timeout_ms=600_000, max_attempts=max_attempts, max_crashes=max_crashes
        )
        (execution_id,) = add_executions(superuser, endpoint)
        worker = start(shutdown_seconds=0.2)
        await until(lambda: len(receiver.requests) == 1, "the delivery")
        worker.tell()
        assert await worker.ends() == 0
    assert (status_of(superuser, execution_id), attempts_of(superuser, execution_id)) == ("FAILED", ["UNKNOWN"])
    assert (
        value(
            superuser, "select status_reason ->> 'code' from kronos.executions where execution_id = %s", [execution_id]
        )
        == code
    )


class _Watch:
    """How long a worker takes to end, without the time that it, and this process, waited for a core: at a load of 20
    that is most of it."""

    def __init__(self, worker: Worker) -> None:
        self._process = worker.process
        self._began = self._now()
        self.seconds = 0.0

    def is_over(self) -> bool:
        self.seconds = self._now() - self._began  # before it is reaped, which loses the figure
        return self._process.poll() is not None

    def _now(self) -> float:
        return time.monotonic() - sum(map(seconds_without_a_core, (self._process.pid, os.getpid())))


async def test_while_the_database_is_away_the_lease_decides_and_the_end_comes_in_time(
    superuser: psycopg.Connection, start: Start, database_url: str
) -> None:
    async with Receiver(silent) as receiver:
        (execution_id,) = add_executions(superuser, add_endpoint(superuser, url=receiver.url, timeout_ms=600_000))
        worker = start(shutdown_seconds=0.2)
        await until(lambda: len(receiver.requests) == 1, "the delivery")
        with taking_no_connections(database_url):
            superuser.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name like 'kronos-worker-%' and datname = current_database()"
            )
            took = _Watch(worker)
            worker.tell(signal.SIGINT)
            await until(took.is_over, "the worker to end")
            assert worker.process.returncode == 0
            assert took.seconds < 7.5, "0.2 s and 4 s more: `kronos up` kills remaining processes 5 s after its time"
    assert "their leases will expire" in worker.log
    assert (status_of(superuser, execution_id), attempts_of(superuser, execution_id)) == ("RUNNING", [])


@contextmanager
def taking_no_connections(database_url: str) -> Iterator[None]:
    """The database stays available to existing connections only."""
    name = sql.Identifier(str(conninfo_to_dict(database_url)["dbname"]))
    with psycopg.connect(make_conninfo(database_url, dbname="postgres"), autocommit=True) as elsewhere:
        elsewhere.execute(sql.SQL("alter database {} allow_connections false").format(name))
        try:
            yield
        finally:
            elsewhere.execute(sql.SQL("alter database {} allow_connections true").format(name))
