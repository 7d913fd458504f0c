"""The claim loop: looks for due endpoints, claims as much as there is room for, and begins an attempt of each."""

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
# And full looks take at most a twentieth of the time: they read what was delivered as well, while an old snapshot keeps
# it. But whatever held up a look, the next full one is not later than this: so long may wait what came to wait further
# back.
_REST_PER_FULL_LOOK = 20.0
_LONGEST_REST_SECONDS = 30.0
# A claim waits so long for half of all slots to be free. An execution costs PostgreSQL 41 us in a claim of 10, 21 in
# one of 50.
_ROOM_SECONDS = 0.003
# A claim takes half of all slots at most, so that the next is under way while its deliveries are: where receivers
# answer at once, all that one claim took would end before the answer to the next. Smaller claims are not divided.
_LEAST_AT_ONCE = 50
# A worker that was full for so long looks for others than those that fill it. Receivers that answer are quicker mostly,
# and make room for everyone.
_STUCK_SECONDS = 0.1
# A worker that is to stop, and waits for its deliveries, looks so often for those that were cancelled.
_DRAINING_SECONDS = 1.0
# Of endpoints' versions that are kept, with what is made of their JSON, some four times as much. Of small ones that
# is some thousands; what users made large is read again for each claim.
_TARGETS_BYTES, _TARGET_BYTES, _MADE_OF_JSON = 8 * 1024 * 1024, 64 * 1024, 4


class Loop:
    """One worker's work. At most `concurrency` claims of a workspace are being delivered, a tenth more of all, and one
    of each workspace that has none (Shares); and as many results wait to be stored."""

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
        self._held = 0  # claims whose result is not stored yet
        self._shares = Shares(concurrency)  # of these, those whose delivery has not ended
        self._most_at_once = max(-(-concurrency // 2), min(concurrency, _LEAST_AT_ONCE))
        self._wake = wake
        self._vault = vault or Vault()
        self._rotation = Rotation(self._shares)
        self._targets: Cache[tuple[str, int], Target] = Cache(budget=_TARGETS_BYTES, each=_TARGET_BYTES)
        self._has_room = True  # for a claim that is worth its round trip
        self._room_timer: asyncio.TimerHandle | None = None
        self._is_timer_quick = False
        self._is_stuck = False  # room was made though no workspace has all that it may have alone
        self._is_withheld = False  # nobody in turn may have what is free
        self._drained: asyncio.Event | None = None
        self._owes_look = self._owes_turn = False
        self._is_stopping = self._has_ended = False
        self._full_look_at = 0.0
        self._looked_fully_at = 0.0
        self._keeper = Keeper(claiming, wake, meter)
        self.finalizer = Finalizer(finalizing, worker_id, self._ended)
        self.aborts = Aborts(claiming, self.finalizer.under_way, wake.poke)

    def stop(self) -> None:
        """Claim nothing more; `run` ends when what it is doing is done."""
        self._is_stopping = True
        self._wake.poke()

    @property
    def unstored(self) -> int:
        """Claims whose delivery has ended, or never began, and that are held still."""
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
                # What was just committed is claimed before the look that it asks for. The next turn is the look's, and
                # the next claim is for those that wait in turn: else they wait as long as others are announced.
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
        """Wait for deliveries under way, at most this long; the rest is cut off, and reported as such. Returns how many
        were cut off."""
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
        """Until nothing is under way. Nobody listens any more, so what is cancelled meanwhile is asked for."""
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
        """Wake the loop when half of all slots are free, or when some have been free for long enough. What is kept for
        others counts only once the worker is stuck."""
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
        """Which endpoints have something to claim; before that, what dead workers held, and what need not wait any
        longer, becomes due."""
        await self._link.connected()  # PostgreSQL may be away for hours, and that is no look's time
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
        if not is_full:  # what it left out is not left to the next wake
            waits.append(max(0.0, self._full_look_at - time.monotonic()))
        self._wake.looked(started, min(waits, default=None))

    async def _claim(self) -> None:
        wanted = self._rotation.next(min(self._free, self._shares.room_for(self._most_at_once)))
        if not wanted:
            return
        token = str(uuid4())
        # Before the claim is sent: the lease, which PostgreSQL counts from when it runs the claim, cannot end earlier
        # than we think.
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
        """What the claim took before its answer was lost, asked until PostgreSQL says it; nothing, once the worker
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
        """The claims' versions of endpoints, read where they are not kept, however long it takes: leases are looked at
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
        """Reads what a claim does not carry, for those whose templates name it."""
        naming = {key for key, to in targets.items() if not isinstance(to, Unusable) and to.needs_facts}
        if not naming:
            return
        wanted = [each for each in held if (each.claim.endpoint_id, each.claim.endpoint_version) in naming]
        while not self._is_stopping:
            try:
                facts = await claims.run_facts(self._link, [each.claim.execution_id for each in wanted])
            except psycopg.Error as error:
                _log.debug("worker.read_failed", "reading what templates name failed: %s", error)
                await self._link.pause()
                continue
            for each in wanted:
                each.facts = facts.get(each.claim.execution_id)
            return

    async def _secrets_of(self, targets: Mapping[Version, Target]) -> dict[Version, Opened]:
        """What these targets need, read where it is not kept, however long it takes. Most need nothing."""
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
        """Claims are held no longer: their slots are free, limited endpoints have room, retries have their time."""
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
