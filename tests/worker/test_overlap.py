"""Real workers and runs that must not overlap: the receiver sees one at a time, whichever run ends, dies or is
replaced."""

import asyncio
import signal
from collections.abc import Callable
from uuid import UUID

import psycopg
import pytest

from delivery.servers import Receiver, Talk, answer
from factory import EndpointRow, add_endpoint, attempts_of, end_leases, in_flight, is_idle, status_of
from sql_factory import account, job, make_cron_job, uuid_of, value, values
from worker.running import Worker, until


@pytest.fixture
def job_of(superuser: psycopg.Connection) -> Callable[..., UUID]:
    """A job with this policy, whose ticks come when the test accounts for them."""

    def make(endpoint: EndpointRow, overlap: str) -> UUID:
        due = value(superuser, "select date_trunc('minute', now()) - interval '30 days'")
        return make_cron_job(superuser, endpoint, overlap=overlap, next_tick_at=due)

    return make


def tick(superuser: psycopg.Connection, job_id: UUID) -> UUID:
    """Account for the job's next tick and notify the workers; return its execution."""
    at = job(superuser, job_id)["next_tick_at"]
    account(superuser, job_id, now=at)
    superuser.execute("notify kronos_work")
    return uuid_of(
        superuser, "select execution_id from kronos.executions where job_id = %s and scheduled_at = %s", [job_id, at]
    )


class OneAtATime:
    """A receiver whose answer takes a moment, and the maximum of concurrent requests."""

    def __init__(self) -> None:
        self.now = self.peak = 0

    async def __call__(self, talk: Talk) -> None:
        self.now += 1
        self.peak = max(self.peak, self.now)
        await asyncio.sleep(0.02)  # the receiver's own time
        self.now -= 1
        await answer()(talk)


@pytest.mark.parametrize("overlap", ["SKIP", "QUEUE"])
async def test_a_receiver_never_has_two_runs_of_a_job_at_once(
    superuser: psycopg.Connection, start: Callable[..., Worker], job_of: Callable[..., UUID], overlap: str
) -> None:
    counting = OneAtATime()
    async with Receiver(counting, keep=True) as receiver:
        job_id = job_of(add_endpoint(superuser, url=receiver.url), overlap)
        for worker in [start(), start()]:
            await worker.started()
        made: list[UUID] = []

        def ten_were_delivered() -> bool:
            made.append(tick(superuser, job_id))
            return len(receiver.requests) >= 10

        await until(ten_were_delivered, "ten deliveries")
        await until(lambda: is_idle(superuser), "the end")
        delivered = {request.headers["idempotency-key"] for request in receiver.requests}
        assert (counting.peak, len(delivered)) == (1, len(receiver.requests))
    statuses = {str(one): status_of(superuser, one) for one in made}
    assert {one for one, status in statuses.items() if status == "SUCCESS"} == delivered
    assert set(statuses.values()) == {"SUCCESS", "SKIPPED"}


async def test_what_waited_is_delivered_without_waiting_for_a_poll(
    superuser: psycopg.Connection, start: Callable[..., Worker], job_of: Callable[..., UUID]
) -> None:
    release = asyncio.Event()

    async def held(talk: Talk) -> None:
        await release.wait()
        await answer()(talk)

    async with Receiver(held, keep=True) as receiver:
        job_id = job_of(add_endpoint(superuser, url=receiver.url, timeout_ms=60_000), "QUEUE")
        first = tick(superuser, job_id)
        await start(poll_seconds=60).started()
        await until(lambda: len(receiver.requests) == 1, "the first delivery")
        second = tick(superuser, job_id)
        assert status_of(superuser, second) == "QUEUED"
        release.set()
        await until(lambda: is_idle(superuser), "both to end")
        assert [request.headers["idempotency-key"] for request in receiver.requests] == [str(first), str(second)]


@pytest.mark.parametrize("overlap", ["SKIP", "QUEUE"])
async def test_a_worker_that_was_killed_blocks_no_tick_beyond_its_lease(
    superuser: psycopg.Connection, start: Callable[..., Worker], job_of: Callable[..., UUID], overlap: str
) -> None:
    """The tick after the lease's end runs after the dead worker's execution was delivered again: two deliveries, one
    after the other."""
    hangs = True
    counting = OneAtATime()

    async def hung(talk: Talk) -> None:
        if hangs:
            await asyncio.Event().wait()
        await counting(talk)

    async with Receiver(hung, keep=True) as receiver:
        job_id = job_of(add_endpoint(superuser, url=receiver.url, timeout_ms=60_000), overlap)
        lost = tick(superuser, job_id)
        dead = start()
        await until(lambda: len(receiver.requests) == 1, "the delivery")
        dead.tell(signal.SIGKILL)
        await dead.ends()
        hangs = False
        end_leases(superuser)
        superuser.execute(
            "update tests.jobs set next_tick_at = date_trunc('minute', now()) where job_id = %s", [job_id]
        )
        value(superuser, "select kronos.fire(%s)", [job_id])  # only the database's clock shows that the run is lost
        others = (
            "select execution_id from kronos.executions where job_id = %s and execution_id <> %s order by scheduled_at"
        )
        next_one, *_ = values(superuser, others, [job_id, lost])  # if a minute has just begun, its tick is skipped
        assert status_of(superuser, next_one) == "QUEUED"
        start()
        await until(lambda: is_idle(superuser), "the end")
        keys = [request.headers["idempotency-key"] for request in receiver.requests]
        assert (keys, counting.peak) == ([str(lost), str(lost), str(next_one)], 1)
    assert (attempts_of(superuser, lost), attempts_of(superuser, next_one)) == (["LOST", "SUCCESS"], ["SUCCESS"])


async def test_what_replaces_a_run_is_delivered_at_once_and_the_old_ones_request_is_torn_from_the_wire(
    superuser: psycopg.Connection, start: Callable[..., Worker], job_of: Callable[..., UUID]
) -> None:
    gone = asyncio.Event()

    async def hung_at_first(talk: Talk) -> None:
        if len(receiver.requests) > 1:
            await answer()(talk)
        elif await talk.is_gone():
            gone.set()

    async with Receiver(hung_at_first, keep=True) as receiver:
        endpoint = add_endpoint(superuser, url=receiver.url, timeout_ms=60_000, max_in_flight=1)
        job_id = job_of(endpoint, "REPLACE")
        start()
        old = tick(superuser, job_id)
        await until(lambda: len(receiver.requests) == 1, "the first delivery")
        new = tick(superuser, job_id)
        await until(lambda: is_idle(superuser), "the second to end")
        assert [request.headers["idempotency-key"] for request in receiver.requests] == [str(old), str(new)]
        await until(gone.is_set, "the old request's connection to be closed")
        late = "select status from kronos.attempt_late where execution_id = %s"
        await until(lambda: values(superuser, late, [old]) == ["UNKNOWN"], "the late result")
    assert (status_of(superuser, old), attempts_of(superuser, old)) == ("CANCELLED", ["UNKNOWN"])
    assert (status_of(superuser, new), attempts_of(superuser, new), in_flight(superuser, endpoint)) == (
        "SUCCESS",
        ["SUCCESS"],
        0,
    )


async def test_a_run_that_nobody_let_go_is_found_by_the_workers(
    superuser: psycopg.Connection, start: Callable[..., Worker], job_of: Callable[..., UUID]
) -> None:
    async with Receiver(answer(), keep=True) as receiver:
        job_id = job_of(add_endpoint(superuser, url=receiver.url), "QUEUE")
        first, second = tick(superuser, job_id), tick(superuser, job_id)
        superuser.execute("alter table kronos.execution_live disable trigger execution_live_releases_next")
        start()
        await until(lambda: is_idle(superuser), "both to end")
        assert [request.headers["idempotency-key"] for request in receiver.requests] == [str(first), str(second)]
