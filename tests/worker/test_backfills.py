"""A worker and a backfill: the next executions are created as soon as there is room for them."""

from pathlib import Path

import psycopg

from backfill_rows import backfill, make_backfill, minutes, ticks_of
from delivery.servers import Receiver, answer
from factory import add_endpoint
from sql_factory import make_cron_job
from worker.running import keep_from_ringing, until, workers


async def test_a_backfill_is_delivered_in_the_order_of_its_ticks_without_waiting_for_polls(
    superuser: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    async with Receiver(answer(), keep=True) as receiver:
        job_id = make_cron_job(superuser, add_endpoint(superuser, url=receiver.url))
        backfill_id = make_backfill(superuser, job_id, ticks=20, max_active=1)
        keep_from_ringing(superuser)  # else the job's own tick of a minute that begins meanwhile is delivered too
        with workers() as start:
            start(database_url, tmp_path / "worker.log", poll_seconds=60)
            # One at a time: with polls only, 20 of them would take 20 minutes.
            await until(
                lambda: backfill(superuser, backfill_id)["status"] == "COMPLETED",
                "the backfill to be completed",
            )
    assert ticks_of(superuser, backfill_id) == minutes(20)
    assert [request.headers["kronos-scheduled-at"][:16] for request in receiver.requests] == [
        f"{tick:%Y-%m-%dT%H:%M}" for tick in minutes(20)
    ]
