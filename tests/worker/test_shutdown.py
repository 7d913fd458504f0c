"""A worker that is stopped, killed, or disconnected from PostgreSQL loses nothing."""

import asyncio
import signal
from collections.abc import Callable

import psycopg

from delivery.servers import Receiver, Talk, answer, silent
from factory import add_endpoint, add_executions, attempts_of, is_idle, status_of
from told import written
from worker.running import Worker, until


def _count(superuser: psycopg.Connection, condition: str) -> int:
    row = superuser.execute(f"select count(*) from kronos.execution_live where {condition}").fetchone()
    assert row is not None
    return int(row[0])


async def test_sigterm_finishes_what_is_under_way_and_loses_nothing(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    release = asyncio.Event()

    async def held(talk: Talk) -> None:
        await release.wait()
        await answer()(talk)

    async with Receiver(held, keep=True) as receiver:
        endpoint = add_endpoint(superuser, url=receiver.url, timeout_ms=20_000)
        ids = add_executions(superuser, endpoint, 60)
        worker = start(worker_concurrency=20)
        await until(lambda: len(receiver.requests) == 20, "twenty deliveries under way")
        worker.tell()
        await until(lambda: "stopping" in worker.log, "the worker to stop claiming")
        release.set()
        assert await worker.ends() == 0
        statuses = [status_of(superuser, one) for one in ids]
        assert (statuses.count("SUCCESS"), statuses.count("QUEUED")) == (20, 40)
        assert _count(superuser, "claim_token is null and attempt_count = 0") == 40
        start()
        await until(lambda: is_idle(superuser), "the other forty")
        assert len(receiver.requests) == 60
    assert {tuple(attempts_of(superuser, one)) for one in ids} == {("SUCCESS",)}


async def test_sigterm_gives_back_what_was_claimed_and_not_sent(
    superuser: psycopg.Connection, start: Callable[..., Worker], database_url: str
) -> None:
    async with Receiver(answer(), keep=True) as receiver:
        ids = add_executions(superuser, add_endpoint(superuser, url=receiver.url, max_in_flight=10), 3)
        with psycopg.connect(database_url) as locker:
            locker.execute(
                "lock table kronos.endpoint_versions in access exclusive mode"
            )  # deliveries' endpoints cannot be read
            worker = start()
            await until(lambda: _count(superuser, "claim_token is not null") == 3, "the claim")
            worker.tell()
            assert await worker.ends() == 0
        assert receiver.requests == []
        assert _count(superuser, "claim_token is null and attempt_count = 0 and visible_at <= now()") == 3
        start()
        await until(lambda: is_idle(superuser), "the end")
    assert {tuple(attempts_of(superuser, one)) for one in ids} == {("SUCCESS",)}


async def test_shutdown_waits_no_longer_than_it_is_set_to(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    async with Receiver(silent) as receiver:
        ids = add_executions(superuser, add_endpoint(superuser, url=receiver.url, timeout_ms=60_000), 2)
        worker = start(shutdown_seconds=0.5, log_format="json")
        await until(lambda: len(receiver.requests) == 2, "the deliveries")
        worker.tell(signal.SIGINT)
        assert await worker.ends() == 0
    events = ("worker.stopping", "worker.cut_off", "worker.stopped")
    (stopping,), (cut_off,), (stopped,) = (written(worker.log, event) for event in events)
    assert [each["level"] for each in (stopping, cut_off, stopped)] == ["INFO", "WARNING", "INFO"]
    assert cut_off["message"].startswith("2 deliveries were still under way after 0.5 s and are cut off")
    assert [status_of(superuser, one) for one in ids] == ["RETRYING", "RETRYING"]


async def test_a_second_signal_ends_at_once(superuser: psycopg.Connection, start: Callable[..., Worker]) -> None:
    async with Receiver(silent) as receiver:
        add_executions(superuser, add_endpoint(superuser, url=receiver.url, timeout_ms=60_000))
        worker = start(shutdown_seconds=600, log_format="json")
        await until(lambda: len(receiver.requests) == 1, "the delivery")
        worker.tell()
        await until(lambda: "stopping" in worker.log, "the worker to stop claiming")
        worker.tell()
        assert await worker.ends() == 0
    (line,) = written(worker.log, "worker.ended_at_once")
    (started,) = written(worker.log, "worker.started")
    assert (line["level"], line["message"].startswith("second signal: worker ")) == ("WARNING", True)
    assert line["message"].split()[3] == started["message"].split()[1], "the worker is named"


async def test_results_wait_for_postgresql_to_come_back(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    release = asyncio.Event()

    async def held(talk: Talk) -> None:
        await release.wait()
        await answer()(talk)

    async with Receiver(held, keep=True) as receiver:
        ids = add_executions(superuser, add_endpoint(superuser, url=receiver.url, timeout_ms=30_000), 5)
        worker = start()
        await until(lambda: len(receiver.requests) == 5, "the deliveries")
        superuser.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'kronos-worker-%'"
        )
        release.set()
        await until(lambda: is_idle(superuser), "the results")
        assert worker.process.poll() is None
        # Each link may have found its connection dead before using it: then it was replaced, and nothing is logged.
        await until(
            lambda: "is unavailable" not in worker.log or "is available again" in worker.log, "the worker to say so"
        )
        add_executions(superuser, add_endpoint(superuser, url=receiver.url))
        await until(lambda: is_idle(superuser), "further work")
    assert {tuple(attempts_of(superuser, one)) for one in ids} == {("SUCCESS",)}
    assert worker.log.count("cannot be used") <= 3  # once per outage, not once per try


async def test_what_a_dead_worker_held_is_delivered_by_another(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    async with Receiver(silent) as never, Receiver(answer(), keep=True) as good:
        endpoint = add_endpoint(superuser, url=never.url, timeout_ms=60_000)
        (execution_id,) = add_executions(superuser, endpoint)
        dead = start()
        await until(lambda: len(never.requests) == 1, "the delivery")
        dead.tell(signal.SIGKILL)
        await dead.ends()
        superuser.execute("update kronos.endpoint_versions set spec = jsonb_build_object('url', %s::text)", [good.url])
        superuser.execute("update kronos.execution_live set visible_at = now()")  # as time does
        start()
        await until(lambda: is_idle(superuser), "the end")
        assert good.requests[0].headers["idempotency-key"] == str(execution_id)
    assert attempts_of(superuser, execution_id) == ["LOST", "SUCCESS"]
