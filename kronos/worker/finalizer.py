"""Store results and give back claims in batches, over a separate connection."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence

import psycopg

from kronos.lines import Log
from kronos.worker import results
from kronos.worker.attempt import Leased
from kronos.worker.link import Link
from kronos.worker.results import Result, Verdict

_log = Log("kronos.worker")
_MOST_IN_ONE_BATCH = 200
# A result costs PostgreSQL 91 us in a batch of 10, and 49 us in a batch of 100. A busy worker collects this many within
# this time.
_GATHERED = 50
_GATHERING_SECONDS = 0.004
# How often rows locked by another session are checked again, without waiting for their locks.
_LOCKED_SECONDS = 1.0


class Finalizer:
    """Takes the results of attempts. Calls `on_end` with each stored batch, and with claims given back (no result)."""

    def __init__(
        self, link: Link, worker_id: str, on_end: Callable[[Sequence[tuple[Leased, Result | None, Verdict]]], None]
    ) -> None:
        self._link = link
        self._worker_id = worker_id
        self._on_end = on_end
        self._results: deque[tuple[Leased, Result]] = deque()
        self._unsent: deque[Leased] = deque()
        self._locked: deque[tuple[Leased, Result]] = deque()
        self._filled = asyncio.Event()
        self._is_closing = False
        self._look_at = 0.0
        self.under_way: set[Leased] = set()  # attempts whose result is still to come

    def put(self, leased: Leased, result: Result) -> None:
        """Take the result of an attempt."""
        self._results.append((leased, result))
        self._filled.set()

    def give_back(self, leased: Leased) -> None:
        """Give back a claim that was not sent and will not be."""
        self._unsent.append(leased)
        self._filled.set()

    def close(self) -> None:
        """No more results will come: `run` returns when everything is stored."""
        self._is_closing = True
        self._filled.set()

    async def run(self) -> None:
        """Store all results, through any outage, until `close`."""
        while True:
            if not self._results and not self._unsent:
                if self._is_closing and not self._locked:
                    return
                await self._wait()
            if self._locked and time.monotonic() >= self._look_at:
                await self._look_at_locked()
            if self._unsent:
                await self._give_back()
            if self._results:
                if self.under_way and len(self._results) < _GATHERED and not self._is_closing:
                    await asyncio.sleep(_GATHERING_SECONDS)
                await self._store()

    async def _store(self) -> None:
        batch = [self._results.popleft() for _ in range(min(len(self._results), _MOST_IN_ONE_BATCH))]
        # Two claims of one execution, the first long expired, are stored one after the other.
        first = {result.execution_id: (leased, result) for leased, result in reversed(batch)}
        for leased, result in batch:
            if first[result.execution_id][1] is not result:
                self._results.append((leased, result))
        verdicts = await results.finalize(
            self._link, [result for _, result in first.values()], worker_id=self._worker_id
        )
        ended = [
            (leased, result, verdict)
            for leased, result in first.values()
            if (verdict := verdicts.get(result.execution_id))
        ]
        if len(ended) < len(first):
            waiting = [(leased, result) for leased, result in first.values() if result.execution_id not in verdicts]
            _log.warning(
                "results.locked",
                "%d results cannot be stored while another session holds locks on their executions or endpoints, such "
                "as %s. pg_locks shows which session. Other results are stored",
                len(waiting),
                waiting[0][1].execution_id,
            )
            self._locked.extend(waiting)
            self._look_at = time.monotonic() + _LOCKED_SECONDS
        self._on_end(ended)

    async def _wait(self) -> None:
        """Wait for a result, or until it is time to check locked rows again."""
        self._filled.clear()
        try:
            async with asyncio.timeout(max(self._look_at - time.monotonic(), 0) if self._locked else None):
                await self._filled.wait()
        except TimeoutError:
            return

    async def _look_at_locked(self) -> None:
        still = await results.locked(self._link, [result for _, result in self._locked])
        waiting = deque(each for each in self._locked if each[1].execution_id in still)
        self._results.extend(each for each in self._locked if each[1].execution_id not in still)
        self._locked = waiting
        self._look_at = time.monotonic() + _LOCKED_SECONDS

    async def _give_back(self) -> None:
        batch = [self._unsent.popleft() for _ in range(min(len(self._unsent), _MOST_IN_ONE_BATCH))]
        try:
            released = await results.release(self._link, {leased.claim.execution_id: leased.token for leased in batch})
            _log.info("claims.given_back", "%d of %d unsent claims were given back", released, len(batch))
        except psycopg.Error as error:
            # Either this was committed, or the leases end soon. Nothing was sent, so nothing can be sent twice.
            _log.warning(
                "claims.left",
                "%d unsent claims could not be given back and wait for their leases to end: %s",
                len(batch),
                type(error).__name__,
            )
        self._on_end([(leased, None, "DROPPED") for leased in batch])
