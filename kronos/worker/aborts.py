"""Ends deliveries under way that are not wanted any more: their executions were cancelled, or are not this worker's."""

import asyncio
from collections.abc import Callable, Iterable, Sequence, Set

import psycopg

from kronos.lines import Log
from kronos.server_time import boot_time
from kronos.worker import claims
from kronos.worker.attempt import Leased, abort
from kronos.worker.link import Link

_log = Log("kronos.worker")
# A cancellation is told of at once (kronos_aborts). This is for one that nobody heard, and for a claim that ended
# without a word: what has been under way for so long is asked for so often.
_LOOK_SECONDS = 3.0
# What is told is true of a row, or of none: a delivery is only ended where PostgreSQL says so. Anybody may tell.
_MOST_TOLD, _ID_CHARACTERS = 10_000, 36


class Aborts:
    """What was said of cancellations, and the next look at those that nobody said."""

    def __init__(self, link: Link, under_way: Set[Leased], poke: Callable[[], None]) -> None:
        self._link = link
        self._under_way = under_way
        self._poke = poke
        self._told: set[str] = set()
        self._is_look_due = False
        self._timer: asyncio.TimerHandle | None = None
        self.ended = 0
        """Deliveries that were, since the process began."""

    def told(self, execution_ids: Iterable[str]) -> None:
        """Someone says that these were cancelled. A claim whose answer is on its way may have one of them: it is looked
        for once its delivery has begun."""
        if len(self._told) < _MOST_TOLD:
            self._told.update(each for each in execution_ids if len(each) == _ID_CHARACTERS)
        else:
            self._is_look_due = True
        self._poke()

    @property
    def are_due(self) -> bool:
        """Whether `end` has something to ask."""
        return bool(self._told) or self._is_look_due

    def watch(self) -> None:
        """Look by itself, every few seconds, until `close`."""
        self._timer = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self.watch()
        if self._under_way:
            self._is_look_due = True
            self._poke()

    async def end(self) -> None:
        """End those under way that PostgreSQL does not know as theirs, or knows as cancelled."""
        told, self._told = self._told, set()
        is_look, self._is_look_due = self._is_look_due, False
        latest = boot_time() - _LOOK_SECONDS
        wanted = [
            leased
            for leased in self._under_way
            if leased.claim.execution_id in told or (is_look and leased.began_at <= latest)
        ]
        if wanted:
            await self.end_among(wanted)

    async def end_among(self, wanted: Sequence[Leased]) -> None:
        """As `end`, of these."""
        try:
            unwanted = await claims.unwanted(self._link, [(each.claim.execution_id, each.token) for each in wanted])
        except psycopg.Error as error:
            _log.debug("worker.read_failed", "asking for cancelled executions failed: %s", error)
            self._told.update(each.claim.execution_id for each in wanted)
            await self._link.pause()
            return
        for leased in wanted:
            if (leased.claim.execution_id, leased.token) in unwanted and leased in self._under_way:
                _log.info(
                    "delivery.aborted",
                    "execution %s: its delivery is ended, nobody wants it any more",
                    leased.claim.execution_id,
                    execution_id=leased.claim.execution_id,
                    job_id=leased.claim.job_id,
                )
                abort(leased)
                self.ended += 1
