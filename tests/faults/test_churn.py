"""Jobs are created and cancelled many times a second while others tick each minute: entries and jobs stay one set, and
no tick is missed."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import quantiles

import aiohttp
import httpx
import pytest

from api_process import serving
from conftest import PLAIN, await_condition, make_workspace
from depth import depth
from faults.own_server import connected, faulty_ledgers, own_server
from faults.scene import entries, wanted_entries
from kronos import keys
from kronos.config import Settings
from kronos.embedded.cluster import Cluster
from sql_factory import Connection, Record, records, value, values

pytestmark = [pytest.mark.faults, pytest.mark.pg_cron]

CANARIES = 50
PAIRS_PER_SECOND = depth(40, deep=200)
CONNECTIONS = 8
# 60 when run by hand: it keeps both cores busy, and other tests wait.
SECONDS = int(os.environ.get("KRONOS_TEST_CHURN_SECONDS", depth(10, deep=30)))
SECONDS_AFTER_FIRST_TICK = 5.0  # so that it is in progress at a tick
MINUTE = timedelta(minutes=1)
JOB = {"endpoint": "sink", "trigger": "CRON", "cron": "* * * * *"}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with own_server() as made:
        yield made


@contextmanager
def with_key(database_url: str, directory: Path) -> Iterator[tuple[str, str]]:
    """An API process: (URL, the administrator's key)."""
    key_file = directory / "admin.key"
    keys.ensure_admin_key(database_url, key_file)
    seconds = str(Settings.model_fields["request_seconds"].default)
    with serving(database_url, KRONOS_EGRESS_ALLOW="127.0.0.0/8", KRONOS_REQUEST_SECONDS=seconds) as api:
        yield api.url, key_file.read_text().strip()


@dataclass
class Churn:
    """Callers that create and cancel jobs in a loop, together at PAIRS_PER_SECOND or as fast as the answers come."""

    jobs: str  # the collection's path
    pairs: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    async def run(self, session: aiohttp.ClientSession, until: float) -> None:
        """Run for SECONDS up to `until`: starts later if `until` is further away, ends later if it is closer."""
        await asyncio.sleep(until - SECONDS - time.monotonic())
        began = time.monotonic()
        until = max(until, began + SECONDS)
        await asyncio.gather(*(self._call(session, began + n / PAIRS_PER_SECOND, until) for n in range(CONNECTIONS)))
        self.seconds = time.monotonic() - began

    async def _call(self, session: aiohttp.ClientSession, next_at: float, until: float) -> None:
        while next_at < until:
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))  # the pace
            job_id = await self._create(session)
            await self._cancel(session, job_id)
            self.pairs += 1
            next_at = max(
                next_at + CONNECTIONS / PAIRS_PER_SECOND, time.monotonic() - 1
            )  # a caller that is further behind does not catch up

    async def _create(self, session: aiohttp.ClientSession) -> str:
        began = time.monotonic()
        async with session.post(self.jobs, json=JOB) as response:
            answer = await response.json()
            self._note(began, response.status == 201, str(answer))
        return str(answer.get("job_id"))

    async def _cancel(self, session: aiohttp.ClientSession, job_id: str) -> None:
        began = time.monotonic()
        async with session.delete(f"{self.jobs}/{job_id}") as response:
            self._note(began, response.status == 200, await response.text())

    def _note(self, began: float, is_done: bool, answer: str) -> None:
        self.latencies.append(time.monotonic() - began)
        if not is_done:
            self.refused.append(answer)

    def __str__(self) -> str:
        cuts = quantiles(self.latencies, n=1000)
        p50, p99, most = (1000 * each for each in (cuts[499], cuts[989], max(self.latencies)))
        rate = self.pairs / self.seconds
        return (
            f"{rate:.0f} pairs/s for {self.seconds:.0f} s; a request: p50 {p50:.0f} ms, p99 {p99:.0f} ms, max "
            f"{most:.0f} ms"
        )


@asynccontextmanager
async def session_of(url: str, key: str) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(url, connector=connector, headers={"Authorization": f"Bearer {key}"}) as session:
        yield session


def make_canaries(url: str, key: str) -> tuple[str, dict[str, datetime]]:
    """The path of a new workspace's jobs, and each canary's id with its first tick."""
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60, verify=PLAIN) as client:
        jobs = f"/v1/workspaces/{make_workspace(client)}/jobs"
        made = [client.post(jobs, json=JOB | {"name": f"canary-{n:02}"}).json() for n in range(CANARIES)]
    return jobs, {str(canary["job_id"]): datetime.fromisoformat(canary["next_run_at"]) for canary in made}


def ticks_of(connection: Connection, first: dict[str, datetime], until: datetime) -> list[Record]:
    """The canaries' rows of the minutes up to `until`."""
    return records(
        connection,
        "select job_id::text, scheduled_at, created_at, cause from kronos.executions where job_id = any (%s) and "
        "scheduled_at <= %s",
        [list(first), until],
    )


async def test_no_canary_misses_a_minute_and_entries_equal_jobs(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with with_key(cluster.superuser_url, tmp_path) as (url, key), connected(cluster) as superuser:
        jobs, first = make_canaries(url, key)
        churn = Churn(jobs)
        to_first_tick = value(superuser, "select %s - clock_timestamp()", [max(first.values())])
        until = time.monotonic() + to_first_tick.total_seconds() + SECONDS_AFTER_FIRST_TICK
        async with session_of(url, key) as session:
            await churn.run(session, until)
        last = value(superuser, "select date_trunc('minute', clock_timestamp())")
        with capsys.disabled():
            sys.stdout.write(f"\nchurn: {churn}\n")

        assert churn.refused == []
        due = sorted(
            (job_id, at + n * MINUTE) for job_id, at in first.items() for n in range((last - at) // MINUTE + 1)
        )
        assert due
        await_condition(
            lambda: len(ticks_of(superuser, first, last)) >= len(due), f"{len(due)} rows of canaries", seconds=90
        )
        rows = ticks_of(superuser, first, last)
        assert sorted((row["job_id"], row["scheduled_at"]) for row in rows) == due
        assert [
            row for row in rows if row["cause"] != "SCHEDULE" or row["created_at"] - row["scheduled_at"] > MINUTE
        ] == []
        await_condition(
            lambda: entries(superuser) == wanted_entries(superuser), "exactly one entry per job", seconds=90
        )
        assert active_jobs(superuser) == [
            "alerts",
            *(f"canary-{n:02}" for n in range(CANARIES)),
            "catch-up",
            "lease-keeper",
            "reaper",
            "retention",
        ]
        assert faulty_ledgers(superuser, list(first)) == []
        assert stray_executions(superuser) == []


def active_jobs(connection: Connection) -> list[str | None]:
    return sorted(values(connection, "select name from kronos.jobs where status = 'ACTIVE'"), key=str)


def stray_executions(connection: Connection) -> list[Record]:
    """Ticks that became executions of a job that did not exist yet, or no longer."""
    return records(
        connection,
        "select job_id, execution.scheduled_at, job.ticks_from, job.ticks_until"
        "  from kronos.executions as execution join kronos.jobs as job using (job_id)"
        " where execution.scheduled_at <= job.ticks_from or execution.scheduled_at > job.ticks_until",
    )
