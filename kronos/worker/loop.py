"""The claim loop: find due endpoints, claim as much as there is room for, and begin an attempt of each claim."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import psycopg

from kronos.delivery.http import HttpTransport
from kronos.delivery.streams import Streams
from kronos.kept import Cache
from kronos.lines import Log
from kronos.server_time import boot_time
from kronos.worker import attempt_log, claims
from kronos.worker.aborts import Aborts
from kronos.worker.attempt import Leased, begin
from kronos.worker.claims import MARGIN, Claim, Wanted
from kronos.worker.finalizer import Finalizer
from kronos.worker.link import Link
from kronos.worker.meter import WorkerMeter
from kronos.worker.results import Result, Verdict
from kronos.worker.rotation import SETTLED, Rotation
from kronos.worker.shares import Shares
from kronos.worker.targets import Target, Unusable, target
from kronos.worker.tracing import DeliveryTraces
from kronos.worker.upkeep import Keeper
from kronos.worker.vault import Opened, Vault, Version
from kronos.worker.wake import Wake

_log = Log("kronos.worker")
_MARGIN_SECONDS = MARGIN.total_seconds()
_FULL_LOOK_SECONDS = 3.0
# Full looks take at most a twentieth of the time, because they also read delivered rows that an old snapshot keeps. But
# they are never further apart than _LONGEST_REST_SECONDS: executions that only a full look finds may wait that long.
_REST_PER_FULL_LOOK = 20.0
_LONGEST_REST_SECONDS = 30.0
# How long a claim waits for half of all slots to be free. An execution costs PostgreSQL 41 us in a claim of 10, and
# 21 us in a claim of 50.
_ROOM_SECONDS = 0.003
# A claim takes at most half of all slots, so that the next claim runs while its deliveries are under way. Otherwise,
# with fast receivers, all deliveries would end before the next claim is answered. Smaller claims are not divided.
_LEAST_AT_ONCE = 50
# A worker that was full for this long looks for workspaces other than those that fill it. Most receivers respond
# faster, and make room for everyone.
_STUCK_SECONDS = 0.1
# How often a stopping worker that waits for its deliveries checks for cancelled ones.
_DRAINING_SECONDS = 1.0
# Limits for cached endpoint versions; parsed, their JSON takes about four times as much memory. Thousands of small
# versions fit; large ones are read again for each claim.
_TARGETS_BYTES, _TARGET_BYTES, _MADE_OF_JSON = 8 * 1024 * 1024, 64 * 1024, 4


class Loop:
    """One worker's work.

    At most `concurrency` claims of one workspace are delivered at a time, a tenth more of all workspaces, and one of
    each workspace that has none (Shares). As many results may wait to be stored."""

    def __init__(
        self,
        *,
        claiming: Link,
        finalizing: Link,
        transport: HttpTransport,
        streams: Streams,
        worker_id: str,
        concurrency: int,
        lease: timedelta,
        wake: Wake,
        vault: Vault | None = None,
        meter: WorkerMeter | None = None,
        traces: DeliveryTraces | None = None,
    ) -> None:
        self._link = claiming
        self._meter, self._traces = meter, traces
        self._transport = transport
        self._streams = streams
        self._worker_id = worker_id
        self._shortest_lease = lease
        self._shortest_lease_seconds = lease.total_seconds()
        self._held = 0  # claims whose result is not yet stored
        self._shares = Shares(concurrency)  # claims among these whose delivery has not ended
        self._most_at_once = max(-(-concurrency // 2), min(concurrency, _LEAST_AT_ONCE))
        self._wake = wake
        self._vault = vault or Vault()
        self._rotation = Rotation(self._shares)
        self._targets: Cache[tuple[str, int], Target] = Cache(budget=_TARGETS_BYTES, each=_TARGET_BYTES)
        self._has_room = True  # enough for a claim worth its round trip
        self._room_timer: asyncio.TimerHandle | None = None
        self._is_timer_quick = False
        self._is_stuck = False  # room was made, although no workspace has its full share
        self._is_withheld = False  # no workspace in turn may have the free slots
        self._drained: asyncio.Event | None = None
        self._owes_look = self._owes_turn = False
        self._is_stopping = self._has_ended = False
        self._full_look_at = 0.0
        self._looked_fully_at = 0.0
        self._keeper = Keeper(claiming, wake, meter)
        self.finalizer = Finalizer(finalizing, worker_id, self._ended)
        self.aborts = Aborts(claiming, self.finalizer.under_way, wake.poke)

    def stop(self) -> None:
        """Stop claiming; `run` returns when its current step is done."""
        self._is_stopping = True
        self._wake.poke()

    @property
    def unstored(self) -> int:
        """Claims whose delivery has ended or never began, but whose result is not yet stored."""
        return max(self._held - len(self.finalizer.under_way), 0)

    @property
    def _free(self) -> int:
        return min(self._shares.slots - self._shares.under_way, 2 * self._shares.slots - self._held)

    async def run(self) -> None:
        """Claim and start deliveries until `stop`, through any outage of PostgreSQL."""
        self.aborts.watch()
        while not self._is_stopping:
            if self.aborts.are_due:
                await self.aborts.end()
            if self._wake.are_limits_new:
                self._wake.are_limits_new = False
                self._rotation.open_all()
            self._rotation.open_due()
            has_room = self._has_room and self._free > -self._shares.guests
            has_turn = has_room and self._rotation.has_turn(self._free)
            is_look_due = has_room and self._wake.is_due
            is_owed = (is_look_due and self._owes_look) or (self._owes_turn and has_turn)
            if has_room and self._wake.has_told and not is_owed:
                # Announced work is claimed before the look that it triggers. The look comes next, and the next claim is
                # for endpoints waiting their turn: otherwise they would wait as long as others are announced.
                self._rotation.offer_first(self._wake.take_told())
                self._owes_look = self._owes_turn = True
                await self._claim()
            elif is_look_due:
                self._owes_look = False
                await self._look()
            elif has_turn:
                self._owes_turn = False
                await self._claim()
            else:
                self._is_withheld = has_room and bool(self._rotation)
                await self._wake.wait(for_look=has_room, until=self._rotation.opens_at)
        self._has_ended = True

    async def drain(self, within: timedelta) -> int:
        """Wait at most this long for deliveries under way, then cut off the rest. Returns how many were cut off.

        Deliveries that were cut off are reported as such."""
        self._drained = asyncio.Event()
        self._tell_drained()
        with suppress(TimeoutError):
            async with asyncio.timeout(within.total_seconds()):
                await self._drained_or_cancelled(self._drained)
        self.aborts.close()
        left = len(self.finalizer.under_way)
        self._transport.cut_off()
        self._streams.cut_off()
        await self._drained.wait()
        return left

    async def _drained_or_cancelled(self, drained: asyncio.Event) -> None:
        """Wait until nothing is under way. The listener has stopped, so cancellations are polled."""
        while not drained.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_DRAINING_SECONDS):
                    await drained.wait()
            if not drained.is_set() and self._has_ended:
                await self.aborts.end_among(list(self.finalizer.under_way))

    def _tell_drained(self) -> None:
        if self._drained is not None and not self.finalizer.under_way:
            self._drained.set()

    def _slot_freed(self) -> None:
        """Wake the loop when half of all slots are free, or some have been free for long enough.

        Slots reserved for other workspaces count only once the worker is stuck."""
        if self._has_room and not self._is_withheld:
            return
        if (free := self._free) <= -self._shares.guests:
            return
        beyond = free - self._shares.reserve
        is_quick = beyond > 0 or (self._is_stuck and free > 0)
        if beyond * 2 >= self._shares.concurrency:
            self._make_room()
        elif self._room_timer is None or (is_quick and not self._is_timer_quick):
            self._end_timer()
            seconds = _ROOM_SECONDS if is_quick else _STUCK_SECONDS
            self._room_timer = asyncio.get_running_loop().call_later(seconds, self._make_room)
            self._is_timer_quick = is_quick

    def _end_timer(self) -> None:
        if self._room_timer is not None:
            self._room_timer.cancel()
            self._room_timer = None

    def _make_room(self) -> None:
        self._end_timer()
        self._has_room, self._is_withheld = True, False
        self._is_stuck = self._free <= self._shares.reserve
        self._wake.poke()

    async def _look(self) -> None:
        """Find endpoints with something to claim, after upkeep: leases of dead workers end, and held executions that
        need not wait any longer become due."""
        await self._link.connected()  # PostgreSQL may be unavailable for hours, which must not count as the look's time
        started = time.monotonic()
        is_full, self._wake.is_full_wanted = started >= self._full_look_at or self._wake.is_full_wanted, False
        try:
            await self._keeper.keep(started, is_full=is_full)
            since = None if is_full else timedelta(seconds=started - self._looked_fully_at) + SETTLED
            asked = time.monotonic()
            found = await claims.due_endpoints(self._link, floors={} if is_full else self._rotation.floors, since=since)
            took = time.monotonic() - asked
        except psycopg.Error as error:
            _log.debug("worker.read_failed", "looking for work failed: %s", error)
            if self._meter is not None:
                self._meter.fails()
            self._wake.is_full_wanted |= is_full
            await self._link.pause()
            return
        self._rotation.offer({due.endpoint_id: due.workspace_id for due in found if due.due_in_ms <= 0})
        if is_full:
            self._rotation.look_fully(found)
            self._looked_fully_at = started
            self._full_look_at = started + max(
                _FULL_LOOK_SECONDS, min(_REST_PER_FULL_LOOK * took, _LONGEST_REST_SECONDS)
            )
        waits = [due.due_in_ms / 1000 for due in found if due.due_in_ms > 0]
        if not is_full:  # a partial look must not leave the rest to the next wake
            waits.append(max(0.0, self._full_look_at - time.monotonic()))
        self._wake.looked(started, min(waits, default=None))

    async def _claim(self) -> None:
        wanted = self._rotation.next(min(self._free, self._shares.room_for(self._most_at_once)))
        if not wanted:
            return
        token = str(uuid4())
        # Taken before the claim is sent. PostgreSQL starts the lease when it runs the claim, so the lease cannot end
        # earlier than we assume.
        sent_at = boot_time()
        try:
            got, closed = await claims.claim(
                self._link, wanted, token=token, worker_id=self._worker_id, shortest_lease=self._shortest_lease
            )
            self._rotation.claimed(wanted, got, closed)
        except psycopg.Error as error:
            _log.debug("claim.unknown", "a claim's outcome is not known: %s", error)
            if self._meter is not None:
                self._meter.fails()
            self._rotation.failed(wanted)
            self._wake.within(0)
            got = await self._recovered(wanted, token)
        self._held += len(got)
        if self._meter is not None:
            self._meter.claimed(len(got))
        self._shares.began(claim.workspace_id for claim in got)
        self._has_room = False
        self._slot_freed()
        held = [Leased(claim, token, sent_at + self._lease_seconds(claim), began_at=sent_at) for claim in got]
        targets = await self._targets_of(got)
        await self._note_facts(held, targets)
        if self._traces is not None:
            await self._traces.begin(self._link, held)
        secrets = await self._secrets_of(targets)
        for leased in held:
            if secrets:
                leased.secrets = secrets.get((leased.claim.endpoint_id, leased.claim.endpoint_version))
            self._start(leased, targets)

    async def _recovered(self, wanted: Sequence[Wanted], token: str) -> list[Claim]:
        """Return what a claim took whose answer was lost. Retries until PostgreSQL responds; nothing once the worker
        stops."""
        while not self._is_stopping:
            await self._link.pause()
            try:
                return await claims.recover(self._link, wanted, token=token)
            except psycopg.Error as error:
                _log.debug("claim.unknown", "a claim's outcome is still not known: %s", error)
        return []

    def _lease_seconds(self, claim: Claim) -> float:
        return max(claim.timeout_ms / 1000 + _MARGIN_SECONDS, self._shortest_lease_seconds)

    async def _targets_of(self, got: Iterable[Claim]) -> dict[tuple[str, int], Target]:
        """Return the claims' endpoint versions, reading those not cached, however long it takes. Leases are checked
        afterwards."""
        wanted = {(claim.endpoint_id, claim.endpoint_version) for claim in got}
        targets = {key: kept for key in wanted if (kept := self._targets.get(key)) is not None}
        missing = wanted - targets.keys()
        while missing and not self._is_stopping:
            try:
                versions = await claims.endpoint_versions(self._link, missing)
            except psycopg.Error as error:
                _log.debug("worker.read_failed", "reading endpoints failed: %s", error)
                await self._link.pause()
                continue
            for version in versions:
                key = version.endpoint_id, version.version
                targets[key] = target(version)
                size = len(version.spec) + len(version.retry_policy) + len(version.config or "")
                self._targets.put(key, targets[key], _MADE_OF_JSON * size)
            missing = set()
        return targets

    async def _note_facts(self, held: Sequence[Leased], targets: Mapping[tuple[str, int], Target]) -> None:
        """Read facts that claims do not carry, for deliveries whose templates name them."""
        naming = {key for key, to in targets.items() if not isinstance(to, Unusable) and to.needs_facts}
        if not naming:
            return
        wanted = [each for each in held if (each.claim.endpoint_id, each.claim.endpoint_version) in naming]
        while not self._is_stopping:
            try:
                facts = await claims.run_facts(self._link, [each.claim.execution_id for each in wanted])
            except psycopg.Error as error:
                _log.debug("worker.read_failed", "reading facts for templates failed: %s", error)
                await self._link.pause()
                continue
            for each in wanted:
                each.facts = facts.get(each.claim.execution_id)
            return

    async def _secrets_of(self, targets: Mapping[Version, Target]) -> dict[Version, Opened]:
        """Return the secrets that targets need, reading those not cached, however long it takes. Most need none."""
        wanted = {key: to.needs for key, to in targets.items() if to.needs is not None}
        while wanted and not self._is_stopping:
            try:
                return await self._vault.open(self._link, wanted)
            except psycopg.Error as error:
                _log.debug("worker.read_failed", "reading secrets failed: %s", error)
                await self._link.pause()
        return {}

    def _start(self, leased: Leased, targets: Mapping[tuple[str, int], Target]) -> None:
        to = targets.get((leased.claim.endpoint_id, leased.claim.endpoint_version))
        if self._is_stopping or not leased.covers_delivery:
            self._shares.ended(leased.claim.workspace_id)
            self.finalizer.give_back(leased)
            self._slot_freed()
            return
        self.finalizer.under_way.add(leased)
        to = to or Unusable(why="this version of the endpoint does not exist")
        if self._meter is not None:
            self._meter.begins(leased, to)
        begin(leased, to, self._transport, self._attempted, self._streams)

    def _attempted(self, leased: Leased, result: Result | None) -> None:
        self._shares.ended(leased.claim.workspace_id)
        self.finalizer.under_way.discard(leased)
        if result is not None:
            self.finalizer.put(leased, result)
        else:
            self.finalizer.give_back(leased)
        self._slot_freed()
        self._tell_drained()

    def _ended(self, ended: Sequence[tuple[Leased, Result | None, Verdict]]) -> None:
        """Release claims: free their slots, offer limited endpoints again, and schedule looks for retries."""
        self._held -= len(ended)
        for hearer in (self._meter, self._traces):
            if hearer is not None:
                hearer.ended(ended)
        if limited := {
            leased.claim.endpoint_id: leased.claim.workspace_id for leased, _, _ in ended if leased.claim.holds_slot
        }:
            self._rotation.offer_again(limited)
            self._wake.poke()
        waits = [result.retry_ms for _, result, verdict in ended if result is not None and verdict == "RETRY"]
        if waits:
            self._wake.within(min(waits) / 1000)
        self._keeper.ended()
        self._slot_freed()
        is_all_told = attempt_log.is_all_told()
        for leased, result, verdict in ended:
            if result is not None and (is_all_told or verdict != "SUCCESS"):
                attempt_log.tell(leased, result, verdict)
