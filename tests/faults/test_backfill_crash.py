"""A backfill through crashes: its workers are killed, their connections are cut, and each tick still becomes exactly
one execution."""

import asyncio
from pathlib import Path

import psycopg
import pytest

from backfill_rows import backfill, make_backfill, minutes, ticks_of, unfinished
from delivery.servers import Receiver, Talk, answer
from factory import add_endpoint, end_leases
from sql_factory import make_cron_job
from worker.running import Worker, keep_from_ringing, until, workers

TICKS = 80


@pytest.mark.faults
async def test_a_backfill_outlives_its_workers_and_their_connections(
    superuser: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    async def slowly(talk: Talk) -> None:
        await asyncio.sleep(0.01)  # the receiver's own pace
        await answer()(talk)

    with workers() as starting:

        def start(log: str) -> Worker:
            keep_from_ringing(superuser)  # else the job's own tick of a minute that begins meanwhile is delivered too
            return starting(database_url, tmp_path / log, poll_seconds=0.2)

        async with Receiver(slowly, keep=True) as receiver:
            job_id = make_cron_job(superuser, add_endpoint(superuser, url=receiver.url, max_attempts=50))
            backfill_id = make_backfill(superuser, job_id, ticks=TICKS, max_active=5)

            async def delivered(more: int) -> None:
                wanted = len(receiver.requests) + more
                await until(lambda: len(receiver.requests) >= wanted, f"{more} deliveries more")
                assert len(unfinished(superuser, backfill_id)) <= 5

            for crash in range(3):
                worker = start(f"worker-{crash}.log")
                for _ in range(3):
                    await delivered(5)
                    superuser.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = "
                        "'kronos-worker-claim'"
                    )
                await delivered(2)
                worker.process.kill()
                await worker.ends()
                end_leases(superuser)
            start("worker-last.log")
            await until(
                lambda: backfill(superuser, backfill_id)["status"] == "COMPLETED",
                "the backfill to be completed",
                seconds=60,
            )

    assert ticks_of(superuser, backfill_id) == minutes(TICKS)
    assert backfill(superuser, backfill_id)["progress"]["succeeded"] == TICKS
    told = {request.headers["kronos-scheduled-at"]: request.headers["idempotency-key"] for request in receiver.requests}
    assert (
        len(told)
        == len(set(told.values()))
        == len({request.headers["idempotency-key"] for request in receiver.requests})
        == TICKS
    )
