"""A workspace's jobs follow its suspension in committed steps: whichever session dies between or in steps, the steps
continue, and each tick is accounted for once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from api_process import serving
from conftest import await_condition, minute_with_time_left
from factory import EndpointRow, add_endpoint
from faults.crashes import crash, terminate, unrung_server
from faults.own_server import connected
from kronos import keys
from kronos.embedded.cluster import Cluster
from sql_factory import Connection, acting_as, job, make_cron_job, value, values
from turning import assert_told, fill, follow, turn
from worker.running import keep_from_ringing, until, workers

MINUTE = timedelta(minutes=1)
ALL: dict[str, Any] = {"catch_up_policy": "ALL", "catch_up_window_seconds": 86400}
PAUSED = '{"code": "paused"}'


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with unrung_server() as made:
        yield made


def entries_of(superuser: Connection, job_ids: list[UUID]) -> set[str]:
    names = [f"kronos:{each}" for each in job_ids]
    return {*values(superuser, "select jobname from cron.job where jobname = any (%s)", [names])}


@dataclass(frozen=True, kw_only=True)
class Turning:
    """A workspace on a server that crashes, and its jobs: their ticks since `since` have not been accounted for."""

    cluster: Cluster
    death: Callable[[Cluster, Connection], None]
    endpoint: EndpointRow
    active: list[UUID]
    paused: UUID
    since: datetime

    def turns(self, to: str) -> None:
        with connected(self.cluster) as superuser:
            turn(superuser, self.endpoint, to)

    def steps(self, count: int) -> None:
        with connected(self.cluster) as superuser:
            for _ in range(count):
                assert follow(superuser, self.endpoint, limit=2) > 0

    def dies(self) -> None:
        """A session runs a step, and dies before its commit."""
        before = self._state()
        victim = psycopg.connect(self.cluster.superuser_url)
        assert follow(victim, self.endpoint, limit=2) > 0
        self.death(self.cluster, victim)
        victim.close()
        assert self._state() == before
        with connected(self.cluster) as superuser:
            assert_told(superuser, [*self.active, self.paused], self.since)

    def phases(self) -> list[str]:
        with connected(self.cluster) as superuser:
            of = [self.endpoint.workspace_id]
            return values(superuser, "select phase from kronos.turns where workspace_id = %s", of)

    def assert_over(self, superuser: Connection, entries: list[UUID]) -> None:
        """Assert that all jobs have followed: jobs, pointers, entries and ledger are right."""
        assert self.phases() == []
        assert_told(superuser, [*self.active, self.paused], self.since, is_over=True)
        assert entries_of(superuser, [*self.active, self.paused]) == {f"kronos:{each}" for each in entries}
        assert [job(superuser, each)["status"] for each in self.active] == ["ACTIVE"] * len(self.active)
        assert job(superuser, self.paused)["status"] == "PAUSED"

    def _state(self) -> dict[str, list[str]]:
        """The state that a step changes."""
        with connected(self.cluster) as superuser:
            of = {"of": self.endpoint.workspace_id}
            return {
                "turns": values(
                    superuser, "select turn::text from kronos.turns as turn where workspace_id = %(of)s", of
                ),
                "halted": values(
                    superuser,
                    "select job_id from kronos.pointers where workspace_id = %(of)s and is_halted order by 1",
                    of,
                ),
                "entries": values(
                    superuser,
                    "select entry.jobid from cron.job as entry join kronos.jobs as job on "
                    "entry.jobname = 'kronos:' || job.job_id where workspace_id = %(of)s "
                    "order by 1",
                    of,
                ),
            }


@pytest.mark.faults
@pytest.mark.parametrize("death", [terminate, crash])
def test_a_death_in_any_step_undoes_that_step_alone_and_the_next_session_goes_on(
    cluster: Cluster, death: Callable[[Cluster, Connection], None]
) -> None:
    """Suspended, resumed in the middle of it, and suspended again; a session dies in steps of every phase. A worker, or
    the reaper, completes the rest."""
    with connected(cluster) as superuser:
        endpoint = add_endpoint(superuser)
        since = minute_with_time_left(superuser) - 11 * MINUTE
        past: dict[str, Any] = {"next_tick_at": since + MINUTE, "ticks_from": since}
        active = [
            *fill(superuser, endpoint, 5, since=since + MINUTE),
            make_cron_job(superuser, endpoint, is_registered=True, **past, **ALL),
        ]
        paused = make_cron_job(superuser, endpoint, status="PAUSED", status_reason=PAUSED, **past)
    it = Turning(cluster=cluster, death=death, endpoint=endpoint, active=active, paused=paused, since=since)

    it.turns("suspend")
    it.dies()  # in the first step
    it.steps(2)
    it.dies()  # some have followed
    it.turns("resume")
    it.dies()
    while it.phases() != ["ENTRIES"]:
        it.steps(1)
    it.steps(1)
    it.dies()  # all ticks are accounted for, some jobs have their entry
    with connected(cluster) as superuser:
        with acting_as(superuser, "kronos_worker"):
            await_condition(
                lambda: value(superuser, "select backfilled from kronos.upkeep(100)") is None,
                "upkeep to have had all jobs follow",
            )
        it.assert_over(superuser, active)
    it.turns("suspend")
    it.steps(1)
    it.dies()
    with connected(cluster) as superuser:
        await_condition(
            lambda: value(superuser, "select kronos.reap()")["left"]["suspension"] == 0,
            "the reaper, which has parts of a second for it, to have had all jobs follow",
        )
        it.assert_over(superuser, [])


_GATE = """
    create function public.gate() returns trigger language plpgsql set lock_timeout = 0
        as $$ begin perform pg_advisory_xact_lock_shared(1); return null; end $$;
    -- a step of 500 takes two a job off
    create trigger gate after update of steps_left on kronos.turns
        for each row when (old.steps_left between 1 and 1400) execute function public.gate();
"""


@pytest.mark.faults
async def test_the_api_and_then_a_worker_are_killed_in_the_middle_and_another_worker_goes_on(
    superuser: Connection, database_url: str, tmp_path: Path
) -> None:
    """Each has a step in progress when it is killed, after committed steps."""
    superuser.execute(_GATE)
    endpoint = add_endpoint(superuser)
    since = minute_with_time_left(superuser) - 10 * MINUTE
    made = fill(superuser, endpoint, 1200, since=since)
    looked_at = made[::100]
    left = "select steps_left from kronos.turns"
    slug = value(superuser, "select slug from kronos.workspaces where workspace_id = %s", [endpoint.workspace_id])
    keys.ensure_admin_key(database_url, tmp_path / "admin.key")
    headers = {"Authorization": f"Bearer {(tmp_path / 'admin.key').read_text().strip()}"}

    def held() -> bool:
        return bool(values(superuser, "select pid from pg_stat_activity where wait_event = 'advisory'"))

    with psycopg.connect(database_url, autocommit=True) as gate, workers() as starting:

        def start(name: str) -> Any:
            return starting(database_url, tmp_path / name, poll_seconds=0.2)

        keep_from_ringing(superuser)
        gate.execute("select pg_advisory_lock(1)")
        with serving(database_url, KRONOS_ADMIN_KEY_FILE=str(tmp_path / "admin.key")) as api:

            def suspend() -> None:
                """Ask until the API is killed: on a slow machine it leaves steps to the workers."""
                url = f"{api.url}/v1/workspaces/{slug}"
                with suppress(httpx.TransportError):
                    while True:
                        httpx.patch(url, json={"status": "SUSPENDED"}, headers=headers, timeout=60)

            asking = threading.Thread(target=suspend)
            asking.start()
            await until(held, "the API's second step to be under way")
            assert values(superuser, left) == [1400]
            assert_told(superuser, looked_at, since - MINUTE)
            api.child.kill()
            asking.join()
        gate.execute("select pg_advisory_unlock(1)")
        await until(lambda: not held(), "the API's last step to end")
        turn(superuser, endpoint, "resume")
        assert [follow(superuser, endpoint), *values(superuser, left)] == [500, 1900]
        assert follow(superuser, endpoint) == 500
        gate.execute("select pg_advisory_lock(1)")

        first = start("first.log")
        await until(held, "the worker's step to be under way", seconds=60)
        first.process.kill()
        await first.ends()
        gate.execute("select pg_advisory_unlock(1)")
        assert values(superuser, left) != []
        assert_told(superuser, looked_at, since - MINUTE)

        start("second.log")
        await until(lambda: not values(superuser, left), "the other worker to go on", seconds=60)
    assert_told(superuser, looked_at, since - MINUTE, is_over=True)
    assert len(entries_of(superuser, made)) == 1200
    assert values(superuser, "select distinct status from kronos.jobs where job_id = any (%s)", [made]) == ["ACTIVE"]
