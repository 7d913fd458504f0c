"""Upkeep (kronos.upkeep): end leases of dead workers, and release executions that need not wait any longer."""

import time

from kronos.lines import Log
from kronos.worker import claims
from kronos.worker.link import Link
from kronos.worker.meter import WorkerMeter
from kronos.worker.wake import Wake

_log = Log("kronos.worker")
# Expired leases and held runs are checked at most every 0.25 s, however often the worker is woken.
_EVERY_SECONDS = 0.25
_FAILED_SECONDS = 8.0  # up to five of which the failed try may have taken
# While a backfill is under way, upkeep runs this soon after a delivery has ended, to release the backfill's next tick.
_BACKFILL_SECONDS = 0.02


class Keeper:
    """Decides when upkeep is due, and handles its failures."""

    def __init__(self, link: Link, wake: Wake, meter: WorkerMeter | None) -> None:
        self._link, self._wake, self._meter = link, wake, meter
        self._at = 0.0
        self._is_failing = self._is_backfilling = False

    async def keep(self, started: float, *, is_full: bool) -> None:
        """Run upkeep if it is due. Raises psycopg.Error.

        A failure of one part undoes all of it. While it fails, only leases are ended: immediately, and at each full
        look."""
        kept, is_due = None, started >= self._at
        if is_due:
            kept = await claims.upkeep(self._link, all_leases=is_full)
            self._is_failing = kept is None
            self._at = started + (_FAILED_SECONDS if kept is None else _EVERY_SECONDS)
            if self._meter is not None:
                self._meter.kept(kept)
            self._is_backfilling = kept is not None and kept.backfilled is not None
            if self._is_backfilling:
                self._wake.within(_EVERY_SECONDS)
        if self._is_failing and (is_due or is_full):
            kept = await claims.expire_leases(self._link)
            if self._meter is not None and kept is not None:
                self._meter.kept(kept)
        if kept is not None and (kept.requeued or kept.failed):
            _log.warning(
                "leases.ended",
                "leases of lost attempts ended: %d executions are due again, %d failed",
                kept.requeued,
                kept.failed,
            )

    def ended(self) -> None:
        """Note that a delivery has ended, so that a backfill's next tick need not wait."""
        if self._is_backfilling:
            self._at = min(self._at, time.monotonic() + _BACKFILL_SECONDS)
            self._wake.within(_BACKFILL_SECONDS)
