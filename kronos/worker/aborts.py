"""Abort deliveries whose executions were cancelled or no longer belong to this worker."""

import asyncio
from collections.abc import Callable, Iterable, Sequence, Set

import psycopg

from kronos.lines import Log
from kronos.server_time import boot_time
from kronos.worker import claims
from kronos.worker.attempt import Leased, abort
from kronos.worker.link import Link

_log = Log("kronos.worker")
# Cancellations are announced immediately (kronos_aborts). This poll finds missed announcements and claims that ended
# without one: deliveries under way for this long are checked this often.
_LOOK_SECONDS = 3.0
# Any session may send an announcement, so it is not trusted: a delivery is aborted only if PostgreSQL confirms it.
_MOST_TOLD, _ID_CHARACTERS = 10_000, 36


class Aborts:
    """Announced cancellations, and the poll for those that were missed."""

    def __init__(self, link: Link, under_way: Set[Leased], poke: Callable[[], None]) -> None:
        self._link = link
        self._under_way = under_way
        self._poke = poke
        self._told: set[str] = set()
        self._is_look_due = False
        self._timer: asyncio.TimerHandle | None = None
        self.ended = 0
        """Deliveries aborted since the process started."""

    def told(self, execution_ids: Iterable[str]) -> None:
        """Note that these executions may have been cancelled. One may be in a claim that is still being answered; it is
        checked once its delivery has begun."""
        if len(self._told) < _MOST_TOLD:
            self._told.update(each for each in execution_ids if len(each) == _ID_CHARACTERS)
        else:
            self._is_look_due = True
        self._poke()

    @property
    def are_due(self) -> bool:
        """Whether `end` has something to check."""
        return bool(self._told) or self._is_look_due

    def watch(self) -> None:
        """Poll every few seconds, until `close`."""
        self._timer = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)

    def close(self) -> None:
        """Stop polling."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self.watch()
        if self._under_way:
            self._is_look_due = True
            self._poke()

    async def end(self) -> None:
        """Abort deliveries that PostgreSQL reports as cancelled or as no longer this worker's."""
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
        """Like `end`, for these deliveries."""
        try:
            unwanted = await claims.unwanted(self._link, [(each.claim.execution_id, each.token) for each in wanted])
        except psycopg.Error as error:
            _log.debug("worker.read_failed", "reading cancelled executions failed: %s", error)
            self._told.update(each.claim.execution_id for each in wanted)
            await self._link.pause()
            return
        for leased in wanted:
            if (leased.claim.execution_id, leased.token) in unwanted and leased in self._under_way:
                _log.info(
                    "delivery.aborted",
                    "execution %s: delivery aborted, the execution was cancelled or is no longer this worker's",
                    leased.claim.execution_id,
                    execution_id=leased.claim.execution_id,
                    job_id=leased.claim.job_id,
                )
                abort(leased)
                self.ended += 1
