"""The rotation of endpoints that have something to claim. It is fair, and never idle while an endpoint has work."""

import math
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple

from kronos.worker.claims import EVERYTHING, Claim, Closed, DueEndpoint, Wanted
from kronos.worker.shares import UNKNOWN, Shares

# A claim that lists every endpoint locks every limited gate and starves other workers.
_MOST_IN_ONE_CLAIM = 64
# A transaction may commit late: an execution can become visible slightly below the newest one claimed.
_BEHIND = timedelta(seconds=1)
# The execution of a tick on time is created within kronos.grace() after it is due, by a transaction of up to 30 s. An
# execution due for longer was visible to the full look.
SETTLED = timedelta(minutes=2)
# The value of one step of priority (sql/functions/ground/rank_of.sql).
_STEP = timedelta(minutes=1)
_HIGHEST = 10
# Endpoints that a look reads from their floors. Each costs one index lookup, whether or not it has anything due.
_FLOORS_OF_A_LOOK = 64
# A slot that another worker gives back is filled by that worker. If it stops instead, or its lease ends, there is no
# announcement, so a full endpoint is tried again after this.
_FULL_SECONDS = 1.0
# Announcements of work contain only the endpoint. The workspace is known for this many endpoints, those claimed last.
_MOST_KNOWN = 4096
# The longest time an endpoint stays closed, whenever its next token was due. A limit changed while nobody listened, or
# a clock set forward, may open it earlier.
_LONGEST_CLOSED_SECONDS = 60.0


class _Closing(NamedTuple):
    """An endpoint closed by its limit until `opens_at` (monotonic). `workspace_id`: it is full, and a free slot opens
    it earlier."""

    opens_at: float
    workspace_id: str | None


class ReadFrom(NamedTuple):
    """How far claims have read an endpoint: everything due before `due_at` and ranked before `rank` was claimed. The
    two are equal if nothing has a priority."""

    due_at: datetime
    rank: datetime

    @property
    def of_all(self) -> datetime:
        """The earliest due time of the rest, except for executions with a negative priority."""
        return min(self)


_EVERYTHING = ReadFrom(EVERYTHING, EVERYTHING)
# A row written by SQL may have an earlier due time. It is treated as due at this time, which is not an index position.
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


class Rotation:
    """Workspaces in turn, and in each its endpoints. All of it is a hint; the next look at the database corrects it."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._turn: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()
        self._workspaces: dict[str, str] = {}  # of the endpoints that are in turn
        self._known: OrderedDict[str, str] = OrderedDict()
        # Limited endpoints that gave less than requested: full, or just being claimed by another worker.
        self._short: set[str] = set()
        # Endpoints closed by their limits, and the earliest time at which one opens. Those that waited longest for a
        # slot come first.
        self._closed: OrderedDict[str, _Closing] = OrderedDict()
        self._opens_at = math.inf
        # Where a claim starts reading an endpoint's index; the endpoint claimed last comes last.
        self._floors: OrderedDict[str, ReadFrom] = OrderedDict()
        # Endpoints whose work had waited longer than SETTLED at the full look.
        self._behind: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._turn)

    def has_turn(self, free: int) -> bool:
        """Whether any endpoint in turn may have one of `free` slots."""
        return any(self._shares.has_room(workspace_id, free) for workspace_id in self._turn)

    def offer(self, endpoints: Mapping[str, str]) -> None:
        """Add endpoints with something to claim (endpoint -> workspace), as found by a look.

        New ones come last; those already in the rotation keep their turn."""
        self._short.clear()
        for endpoint_id, workspace_id in endpoints.items():
            if endpoint_id not in self._closed:
                self._put(endpoint_id, workspace_id)

    def offer_first(self, endpoints: Iterable[str]) -> None:
        """Put endpoints that were announced to have work first in turn."""
        for endpoint_id in endpoints:
            if endpoint_id not in self._closed:
                workspace_id = self._put(endpoint_id)
                self._turn[workspace_id].move_to_end(endpoint_id, last=False)
                self._turn.move_to_end(workspace_id, last=False)

    def _put(self, endpoint_id: str, workspace_id: str | None = None) -> str:
        """Add an endpoint to its workspace's turn, last, if it is not in it. Returns the workspace, if known."""
        before = self._workspaces.get(endpoint_id)
        workspace_id = workspace_id or before or self._known.get(endpoint_id, UNKNOWN)
        if before != workspace_id:
            self._take_out(endpoint_id)
            self._workspaces[endpoint_id] = workspace_id
            self._turn.setdefault(workspace_id, OrderedDict())[endpoint_id] = None
        return workspace_id

    def _take_out(self, endpoint_id: str) -> None:
        if (workspace_id := self._workspaces.pop(endpoint_id, None)) is not None:
            of_it = self._turn[workspace_id]
            del of_it[endpoint_id]
            if not of_it:
                del self._turn[workspace_id]

    def _know(self, endpoint_id: str, workspace_id: str) -> None:
        self._known[endpoint_id] = workspace_id
        self._known.move_to_end(endpoint_id)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        if endpoint_id in self._workspaces:
            self._put(endpoint_id, workspace_id)

    def offer_again(self, ended: Mapping[str, str]) -> None:
        """Note that a delivery of each of these limited endpoints (endpoint -> workspace) has ended.

        An endpoint that came up short, or was full, or whose workspace was full, has room again."""
        for endpoint_id, workspace_id in ended.items():
            if endpoint_id in self._short and endpoint_id not in self._closed:
                self._short.discard(endpoint_id)
                self._put(endpoint_id, workspace_id)
        if self._closed:
            workspaces = set(ended.values())
            self._open([one for one, closing in self._closed.items() if closing.workspace_id in workspaces])

    def _close(self, closed: Iterable[Closed], taken: Mapping[str, object]) -> None:
        """Skip these endpoints until their next token comes or a slot is given back. Those that gave nothing then come
        first."""
        now = time.monotonic()
        for one in sorted(closed, key=lambda one: one.endpoint_id in taken):
            is_full = one.opens_in_ms is None
            seconds = _FULL_SECONDS if one.opens_in_ms is None else one.opens_in_ms / 1000
            seconds = min(seconds, _LONGEST_CLOSED_SECONDS)
            self._take_out(one.endpoint_id)
            self._closed[one.endpoint_id] = _Closing(now + seconds, one.workspace_id if is_full else None)
            self._opens_at = min(self._opens_at, now + seconds)

    def open_all(self) -> None:
        """Open all endpoints after a limit was changed."""
        self._open(list(self._closed))

    def open_due(self) -> None:
        """Open the endpoints whose time has come."""
        now = time.monotonic()
        if now >= self._opens_at:
            self._open([one for one, closing in self._closed.items() if closing.opens_at <= now])

    @property
    def opens_at(self) -> float:
        """The monotonic time at which the first closed endpoint opens; infinite if none is closed."""
        return self._opens_at

    def _open(self, endpoints: Iterable[str]) -> None:
        for endpoint_id in endpoints:
            del self._closed[endpoint_id]
            self._short.discard(endpoint_id)
            self._put(endpoint_id)
        self._opens_at = min((closing.opens_at for closing in self._closed.values()), default=math.inf)

    def look_fully(self, found: Iterable[DueEndpoint]) -> None:
        """Note a full look: the next claims read their indexes from the beginning, so that no floor can starve an
        execution."""
        self._floors.clear()
        self._floors.update(
            {
                due.endpoint_id: _EVERYTHING
                if due.due_at == _FIRST
                else ReadFrom(due.due_at - _BEHIND, due.due_at - _BEHIND + _HIGHEST * _STEP)
                for due in found
                if due.due_in_ms < -SETTLED / timedelta(milliseconds=1)
            }
        )
        self._behind = set(self._floors)

    @property
    def floors(self) -> dict[str, datetime]:
        """Return where a partial look starts reading: for endpoints with old work, and for those claimed last."""
        return {
            endpoint_id: self._floors[endpoint_id].of_all
            for endpoint_id in {*self._behind, *islice(reversed(self._floors), _FLOORS_OF_A_LOOK)}
        }

    def next(self, free: int) -> list[Wanted]:
        """Return the endpoints whose turn it is, and move them to the end.

        `free` is divided among their workspaces, and each share exactly among the workspace's endpoints."""
        sharing = list(islice((one for one in self._turn if self._shares.has_room(one, free)), _MOST_IN_ONE_CLAIM))
        wanted: list[Wanted] = []
        for workspace_id, quota in zip(sharing, self._shares.share_out(sharing, free), strict=True):
            if quota:
                wanted += self._wanted_of(workspace_id, quota, most=_MOST_IN_ONE_CLAIM // len(sharing))
        return wanted

    def _wanted_of(self, workspace_id: str, quota: int, *, most: int) -> list[Wanted]:
        self._turn.move_to_end(workspace_id)
        endpoints = self._turn[workspace_id]
        count = min(quota, len(endpoints), most)
        share, rest = divmod(quota, count)
        wanted = []
        for place in range(count):
            endpoint_id, _ = endpoints.popitem(last=False)
            endpoints[endpoint_id] = None
            due_at, rank = self._floors.get(endpoint_id, _EVERYTHING)
            wanted.append(
                Wanted(endpoint_id=endpoint_id, quota=share + (1 if place < rest else 0), floor=due_at, rank=rank)
            )
        return wanted

    def claimed(self, wanted: Sequence[Wanted], claims: Iterable[Claim], closed: Sequence[Closed] = ()) -> None:
        """Note what a claim took. An endpoint that gave less than requested leaves the rotation until the next look;
        one closed by a limit, until it opens."""
        taken: dict[str, list[Claim]] = {}
        for claim in claims:
            taken.setdefault(claim.endpoint_id, []).append(claim)
        for endpoint_id, of_it in taken.items():
            self._know(endpoint_id, of_it[0].workspace_id)
            due_at = max(claim.due_at for claim in of_it)
            rank = max(claim.due_at - _STEP * (claim.priority or 0) for claim in of_it)
            before = self._floors.get(endpoint_id, _EVERYTHING)
            if due_at > _FIRST and (due_at - _BEHIND > before.due_at or rank - _BEHIND > before.rank):
                before = ReadFrom(due_at - _BEHIND, rank - _BEHIND)
            self._floors[endpoint_id] = before
            self._floors.move_to_end(endpoint_id)
        self._drop_short(wanted, {endpoint_id: len(of_it) for endpoint_id, of_it in taken.items()})
        if closed:
            self._close(closed, taken)

    def failed(self, wanted: Sequence[Wanted]) -> None:
        """Note a claim without an answer: the state of these endpoints is unknown."""
        self._drop_short(wanted, {})

    def _drop_short(self, wanted: Sequence[Wanted], taken: Mapping[str, int]) -> None:
        for one in wanted:
            if taken.get(one.endpoint_id, 0) < one.quota:
                self._take_out(one.endpoint_id)
                self._short.add(one.endpoint_id)
