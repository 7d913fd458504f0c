"""Restarts at a minute's edge: of PostgreSQL only, of all workers, of `kronos up`. No tick is lost, late or doubled,
whatever its policy.

One round each, one after the other, at different moments of the edge; two with --deep. KRONOS_TEST_RESTARTS=20, on a
quiet machine, does twenty and asserts the lateness, which is always printed.
"""

import os
import signal
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from conftest import await_condition
from depth import depth
from embedded.conftest import Up
from factory import add_endpoint
from faults.own_server import faulty_ledgers
from killing import kill, signalled
from sql_factory import Connection, make_cron_job, records, values

pytestmark = [pytest.mark.faults, pytest.mark.pg_cron]

ROUNDS = int(os.environ.get("KRONOS_TEST_RESTARTS", depth(1, deep=2)))
IS_MEASURED = ROUNDS >= 20
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
POLICIES = ("SKIP", "LATEST", "ALL")
# When the restart begins, relative to the minute's edge.
EDGES = (-0.7 * SECOND, -0.1 * SECOND, 0.5 * SECOND)
# The limit on a busy machine; pg_cron's own ring would come after a minute. On a quiet machine it is 2 s.
PATIENCE = 2 * SECOND if IS_MEASURED else 20 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """How long after its time, or after everything was ready again, a tick was accounted for."""

    what: str
    edge: float
    seconds: float


class Instance:
    """A `kronos up` that can be restarted, and its database."""

    def __init__(self, start: Callable[..., Up]) -> None:
        self._starts = start
        self.up = self._start()

    def _start(self) -> Up:
        started = self._starts("--workers", "2")
        started.await_ready(120)
        return started

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        with psycopg.connect(str(self.up.told["database_url"]), autocommit=True) as connection:
            yield connection

    def restart_up(self) -> None:
        self.up.process.terminate()
        assert self.up.process.wait(60) == 0, self.up.said()
        self.up = self._start()

    def restart_postgresql(self) -> None:
        old = self.up.children()["postgres"]
        signalled(old, signal.SIGINT)  # a fast shutdown; the supervisor starts it again
        await_condition(
            lambda: self.up.children().get("postgres", old) != old and self._answers(),
            "PostgreSQL to be back",
            seconds=60,
        )

    def restart_workers(self) -> None:
        workers = self._workers()
        kill(workers, signal.SIGTERM)
        await_condition(lambda: len(self._workers() - workers) == 2, "two new workers", seconds=60)

    def _answers(self) -> bool:
        try:
            with self.connected():
                return True
        except psycopg.OperationalError:
            return False

    def _workers(self) -> set[int]:
        pid = self.up.process.pid
        children = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return {child for child in children if b"worker" in _command(child)}


def _command(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


RESTARTS: dict[str, Callable[[Instance], None]] = {
    "PostgreSQL": Instance.restart_postgresql,
    "all workers": Instance.restart_workers,
    "kronos up": Instance.restart_up,
}


def sleep_until(at: datetime) -> None:
    threading.Event().wait(max(0.0, at.timestamp() - time.time()))


def next_edge() -> datetime:
    """The next start of a minute that is at least twelve seconds ahead: by then pg_cron has noticed new entries."""
    return (datetime.now(UTC) + 12 * SECOND + MINUTE).replace(second=0, microsecond=0)


def add_jobs(connection: Connection, tick: datetime) -> list[uuid.UUID]:
    """For each policy, add a job that ticks only at `tick` this day, and one that ticks every minute."""
    endpoint = add_endpoint(connection)
    crons = (f"{tick.minute} {tick.hour} * * *", "* * * * *")
    return [
        make_cron_job(connection, endpoint, cron=cron, catch_up_policy=policy, is_registered=True)
        for cron in crons
        for policy in POLICIES
    ]


def round_of(instance: Instance, what: str, edge: timedelta) -> list[Late]:
    """One restart around a minute's edge, and how late each of its ticks was."""
    tick = next_edge()
    with instance.connected() as connection:
        jobs = add_jobs(connection, tick)
    sleep_until(tick + edge)
    RESTARTS[what](instance)
    ready = datetime.now(UTC)
    with instance.connected() as connection:
        sql = "select count(distinct job_id) from kronos.executions where job_id = any (%s) and scheduled_at = %s"
        await_condition(
            lambda: values(connection, sql, [jobs, tick]) == [len(jobs)],
            f"the ticks of {tick} after {what}",
            seconds=60,
        )
        query = """
            select job_id, status, cause, tick_count, created_at from kronos.executions where job_id = any (%s)
                   and scheduled_at = %s
        """
        rows = records(connection, query, [jobs, tick])
        assert [
            row for row in rows if (row["cause"], row["tick_count"]) != ("SCHEDULE", 1) or row["status"] == "MISSED"
        ] == []
        assert sorted(row["job_id"] for row in rows) == sorted(jobs), "each tick is recorded once"
        assert faulty_ledgers(connection, [str(job_id) for job_id in jobs]) == []
        connection.execute("update kronos.jobs set status = 'PAUSED' where job_id = any (%s)", [jobs])
    return [
        Late(what=what, edge=edge.total_seconds(), seconds=(row["created_at"] - max(tick, ready)).total_seconds())
        for row in rows
    ]


def test_no_tick_is_lost_or_late_by_a_restart_over_a_minutes_edge(
    up: Callable[..., Up], capsys: pytest.CaptureFixture[str]
) -> None:
    """On one instance: a start of `kronos up` takes more CPU than the minute in which another would be restarted."""
    instance = Instance(up)
    rounds = [(what, EDGES[(first + n) % len(EDGES)]) for first, what in enumerate(RESTARTS) for n in range(ROUNDS)]
    late = [one for what, edge in rounds for one in round_of(instance, what, edge)]
    with capsys.disabled():
        for what in RESTARTS:
            for edge in EDGES:
                found = [max(0.0, one.seconds) for one in late if (one.what, one.edge) == (what, edge.total_seconds())]
                if found:
                    told = (
                        f"{len(found)} ticks, median {statistics.median(found):.2f} s late, at most {max(found):.2f} s"
                    )
                    sys.stdout.write(f"\nrestart of {what} at {edge.total_seconds():+.1f} s: {told}")
        sys.stdout.write("\n")
    assert [one for one in late if one.seconds >= PATIENCE.total_seconds()] == []
