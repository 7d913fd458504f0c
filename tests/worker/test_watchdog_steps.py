"""How often a worker checks pg_cron and rings in its place, whatever its checks find and whatever the clock does."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from kronos.server_time import CLOCK
from kronos.worker import watchdog as module
from kronos.worker.watchdog import Rung, Watchdog
from stopped_clock import StoppedClock
from told import all_told, told
from worker.running import until
from worker.scripted import AT, Answer, Params, ScriptedLink, link, turns

_REAPER, _CATCH_UP = UUID(int=1), UUID(int=2)


class Server:
    """PostgreSQL with its clock, a pg_cron that rings or not, and a worker that asks it."""

    def __init__(self, clock: StoppedClock) -> None:
        self._clock = clock
        self._ahead = timedelta()
        self.is_heard = self.is_silent = self.is_left = False
        self.executions: int | None = 0
        self.internal_jobs: list[UUID] = []
        self.link: Any = link(ring_if_silent=self._ring)
        self.tasks: ScriptedLink = link()
        self.watchdog = Watchdog(self.tasks)

    def set_clock(self, step: timedelta) -> None:
        self._ahead += step

    def _ring(self, params: Params) -> Answer:
        return [
            Rung(
                at=AT + timedelta(seconds=self._clock.now) + self._ahead,
                is_heard=self.is_heard,
                is_silent=self.is_silent,
                executions=self.executions,
                is_left=self.is_left,
                internal_jobs=self.internal_jobs,
            )
        ]

    async def look(self, *, after: float = 0.0) -> bool:
        self._clock.now += after
        return await self.watchdog.look(self.link)

    @property
    def rests(self) -> float:
        return self.watchdog.seconds_to_look

    @property
    def trusted(self) -> list[bool]:
        """For each check, whether it asked for a ring only if pg_cron was not heard since some time."""
        return [params["unheard_since"] is None for params in self.link.params("ring_if_silent")]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    clock = StoppedClock()
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(module, "boot_time", clock.monotonic)
    return Server(clock)


@contextmanager
def spread(most: bool) -> Iterator[None]:
    """Rests are as long as they can be, or as short."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("kronos.worker.watchdog.random.uniform", lambda low, high: high if most else low)
        yield


async def test_a_worker_that_starts_checks_at_once(server: Server) -> None:
    assert server.watchdog.is_due
    await server.look()
    assert not server.watchdog.is_due
    assert server.trusted == [False], "what pg_cron did before is not known"


async def test_the_database_is_asked_for_a_ring_until_pg_cron_is_heard_and_not_after(server: Server) -> None:
    await server.look()
    await server.look(after=1)
    server.is_heard, server.executions = True, None
    await server.look(after=1)
    await server.look(after=5)
    first, second, third, fourth = server.link.params("ring_if_silent")
    assert first["unheard_since"] > second["unheard_since"] == AT + timedelta(seconds=1000)
    assert (third["unheard_since"], fourth["unheard_since"]) == (second["unheard_since"], None)


async def test_a_check_that_another_workers_ring_left_out_is_none_since_which_pg_cron_is_unheard(
    server: Server,
) -> None:
    """This worker has seen no ring yet: the other's may have begun before this one had its database back."""
    server.executions = None
    for _ in range(2):
        await server.look()
    assert [each["unheard_since"].year for each in server.link.params("ring_if_silent")] == [9999, 9999]


@pytest.mark.parametrize(("is_longest", "unheard", "heard"), [(True, 1.0, 6.5), (False, 0.7, 3.5)])
async def test_it_checks_every_second_until_pg_cron_is_heard_and_then_about_every_five(
    server: Server, is_longest: bool, unheard: float, heard: float
) -> None:
    with spread(is_longest):
        await server.look()
        assert server.rests == pytest.approx(unheard)
        server.executions = None  # another worker rang
        await server.look(after=1)
        assert server.rests == pytest.approx(unheard)
        server.is_heard = True
        await server.look(after=1)
        assert server.rests == pytest.approx(heard)


async def test_if_pg_cron_is_not_heard_for_long_it_counts_as_silent_and_is_rung_for_about_every_five_seconds(
    server: Server,
) -> None:
    with spread(True):
        await server.look()
        await server.look(after=89.9)
        assert server.rests == pytest.approx(1.0)
        await server.look(after=0.1)
        assert server.rests == pytest.approx(6.5)


async def test_a_ring_that_left_something_is_repeated_soon(server: Server) -> None:
    server.is_left = True
    await server.look()
    assert server.rests == pytest.approx(0.2)


@pytest.mark.parametrize(("executions", "are_created"), [(None, False), (0, False), (3, True)])
async def test_it_says_whether_executions_were_created(
    server: Server, executions: int | None, are_created: bool
) -> None:
    server.executions = executions
    assert await server.look() is are_created


async def test_a_check_that_fails_is_the_callers_and_is_due_again_at_once(server: Server) -> None:
    broken: Any = link(ring_if_silent=[psycopg.OperationalError("lost")])
    with pytest.raises(psycopg.OperationalError):
        await server.watchdog.look(broken)
    assert server.watchdog.is_due


@pytest.mark.parametrize("step", [timedelta(hours=1), -timedelta(hours=1)])
async def test_after_the_servers_clock_was_set_it_rings_at_once(
    server: Server, step: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    """pg_cron was trusted, so this check did not ring; forward, ticks have become due; back, pg_cron may wait."""
    server.is_heard, server.executions = True, None
    for _ in range(2):
        await server.look(after=5)
    server.set_clock(step)
    await server.look(after=5)
    assert told(caplog, "clock.set")["level"] == "WARNING"
    assert server.watchdog.is_due
    server.executions = 2
    await server.look()
    assert server.trusted == [False, True, True, False]
    assert server.link.params("ring_if_silent")[-1]["unheard_since"] > AT + timedelta(days=365)
    assert len(all_told(caplog, "clock.set")) == 1


async def test_a_ring_that_saw_the_new_clock_is_not_repeated_at_once(server: Server) -> None:
    await server.look()
    server.set_clock(timedelta(hours=1))
    await server.look(after=1)
    assert 0.7 <= server.rests <= 1.0
    await server.look(after=1)
    assert server.link.params("ring_if_silent")[-1]["unheard_since"] == AT + timedelta(hours=1, seconds=1001)


async def test_another_servers_clock_is_not_a_clock_that_was_set(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    await server.look()
    server.set_clock(timedelta(hours=1))
    server.watchdog.distrust()
    assert server.watchdog.is_due
    await server.look()
    assert all_told(caplog, "clock.set") == []
    assert server.trusted == [False, False]


async def test_each_check_sets_the_clock_that_the_process_reads(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[tuple[object, float, float]] = []
    monkeypatch.setattr(CLOCK, "note", lambda *given: noted.append(given))
    await server.look()
    assert noted == [(AT + timedelta(seconds=1000), 1000.0, 1000.0)]


async def test_while_pg_cron_is_silent_a_line_a_minute_says_who_rings(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    await server.look()
    assert all_told(caplog, "pg_cron.silent") == [], "it is only not heard yet"
    server.is_silent, server.executions = True, None
    await server.look(after=5)
    assert all_told(caplog, "pg_cron.silent") == [], "another worker rings, and says so"
    server.executions = 1
    for _ in range(14):
        await server.look(after=5)
    assert len(all_told(caplog, "pg_cron.silent")) == 2
    assert "silent for more than 90 s" in all_told(caplog, "pg_cron.silent")[0]["message"]


class Tasks:
    """The link of internal tasks, each of which lasts until the test ends it."""

    def __init__(self, server: Server) -> None:
        self.ends = asyncio.Event()
        server.tasks._answers["run_internal_job"] = lambda _: self.ends
        self._server = server

    @property
    def begun(self) -> list[UUID]:
        return [params["job_id"] for params in self._server.tasks.params("run_internal_job")]


async def test_internal_jobs_run_in_a_silent_pg_crons_place_one_after_the_other_and_no_check_waits_for_them(
    server: Server,
) -> None:
    tasks = Tasks(server)
    server.internal_jobs = [_REAPER, _CATCH_UP]
    await server.look()
    await turns()
    assert tasks.begun == [], "pg_cron is not silent"
    server.is_silent = True
    for _ in range(3):
        await server.look(after=5)
        await turns()
    assert tasks.begun == [_REAPER], "they are begun once, though several checks asked for them"
    tasks.ends.set()
    await until(lambda: tasks.begun == [_REAPER, _CATCH_UP], "the second")
    await turns()
    await server.look(after=5)
    await until(lambda: len(tasks.begun) == 4, "the next run")
    await server.watchdog.close()


async def test_without_internal_jobs_nothing_is_begun(server: Server) -> None:
    server.is_silent = True
    await server.look()
    await turns()
    assert server.tasks.asked == []
    await server.watchdog.close()


@pytest.mark.parametrize(("end", "is_connected"), [(Watchdog.close, True), (Watchdog.renew, False)])
async def test_an_internal_job_under_way_is_aborted_with_the_worker_and_when_time_zones_have_changed(
    server: Server, end: Callable[[Watchdog], Any], is_connected: bool
) -> None:
    """A new session reads the new rules."""
    tasks = Tasks(server)
    server.is_silent, server.internal_jobs = True, [_REAPER, _CATCH_UP]
    await server.look()
    await turns()
    await end(server.watchdog)
    tasks.ends.set()
    await turns()
    assert (tasks.begun, server.tasks.is_connected) == ([_REAPER], is_connected)
