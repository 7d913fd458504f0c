"""Disruptions during the soak: kills, stops, restarts, cut connections, dumps, retention, a changed clock."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg

from bench import common
from bench.database_clock import Clock
from bench.soak.instance import Soaked

_STOPPED_SECONDS = 20.0
_STEP_SECONDS = (75, -75, 40, -40)
"""The clock is set forward and back by turns, so that it is right again after each pair."""


@dataclass(slots=True, kw_only=True)
class Harm:
    """Causes disruptions, one at a time. `times` has the monotonic time of each."""

    soaked: Soaked
    seed: int
    done: Counter[str] = field(default_factory=Counter)
    times: list[tuple[float, str]] = field(default_factory=list)
    _steps: int = 0
    _ahead_seconds: int = 0

    async def run(self, until: asyncio.Event, pause_seconds: float, dump_seconds: float) -> None:
        """Run until the event is set: a disruption every `pause_seconds`, a dump every `dump_seconds`."""
        chance = random.Random(self.seed)
        acts = list(_ACTS)
        dumped = time.monotonic()
        while not await _is_set(until, pause_seconds * (0.5 + chance.random())):
            act = chance.choices(acts, [_ACTS[each] for each in acts])[0]
            await self._do(act)
            if time.monotonic() - dumped >= dump_seconds:
                dumped = time.monotonic()
                await self._do(_dump)
        await asyncio.to_thread(self.set_clock_right)

    async def _do(self, act: "Act") -> None:
        name = act.__name__.removeprefix("_")
        self.times.append((time.time(), name))
        if await act(self):
            self.done[name] += 1

    def step_clock(self) -> bool:
        """Set the database's clock forward and back, in turns."""
        by = _STEP_SECONDS[self._steps % len(_STEP_SECONDS)]
        if not self._set_clock(by):
            return False
        self._steps += 1
        self._ahead_seconds += by
        return True

    def set_clock_right(self) -> None:
        """Restore the clock."""
        common.wait_until(lambda: self._set_clock(-self._ahead_seconds), "the clock cannot be set", every=1)
        self._ahead_seconds = 0

    def _set_clock(self, by: int) -> bool:
        try:
            with psycopg.connect(self.soaked.database_url, autocommit=True, connect_timeout=5) as connection:
                clock = Clock(connection)
                clock.by = timedelta(seconds=self._ahead_seconds)
                clock.step(timedelta(seconds=by))
        except psycopg.OperationalError:
            return False  # PostgreSQL is restarting
        return True


Act = Callable[[Harm], Awaitable[bool]]


async def _is_set(until: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(until.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _kill_worker(harm: Harm) -> bool:
    return harm.soaked.send("worker-2", signal.SIGKILL)


async def _stop_worker(harm: Harm) -> bool:
    """Stop a worker until its leases have ended, then let it continue."""
    if not harm.soaked.send("worker-2", signal.SIGSTOP):
        return False
    await asyncio.sleep(_STOPPED_SECONDS)  # it stays stopped this long
    return harm.soaked.send("worker-2", signal.SIGCONT)


async def _kill_api(harm: Harm) -> bool:
    return harm.soaked.send("api", signal.SIGKILL)


async def _restart_postgres(harm: Harm) -> bool:
    return harm.soaked.send("postgres", signal.SIGINT)


async def _kill_postgres(harm: Harm) -> bool:
    return harm.soaked.send("postgres", signal.SIGKILL)


async def _crash_backend(harm: Harm) -> bool:
    """One session crashes: PostgreSQL ends all others and recovers."""
    backends = harm.soaked.backends()
    if backends:
        os.kill(backends[-1], signal.SIGKILL)
    return bool(backends)


async def _cut(harm: Harm) -> bool:
    """Cut all of Kronos's connections."""
    try:
        async with await psycopg.AsyncConnection.connect(harm.soaked.database_url, connect_timeout=5) as connection:
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename like 'kronos%'"
            )
    except psycopg.OperationalError:
        return False
    return True


async def _retain(harm: Harm) -> bool:
    command = [sys.executable, "-m", "kronos", "retention", "run"]
    return await _ends(command, {"KRONOS_DATABASE_URL": harm.soaked.database_url})


async def _dump(harm: Harm) -> bool:
    program = shutil.which("pg_dump")
    return program is not None and await _ends([program, "-f", os.devnull, harm.soaked.database_url], {})


async def _step_clock(harm: Harm) -> bool:
    return await asyncio.to_thread(harm.step_clock)


async def _ends(command: list[str], environment: dict[str, str]) -> bool:
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return await process.wait() == 0


_ACTS: dict[Act, float] = {
    _kill_worker: 6, _stop_worker: 3, _kill_api: 0.3, _restart_postgres: 2, _kill_postgres: 1, _crash_backend: 2,
    _cut: 4, _retain: 2, _step_clock: 2,
}  # fmt: skip
