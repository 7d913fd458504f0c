"""The rotation of endpoints that have something to claim: fair, and never idle while one of them has work."""

import math
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple

from kronos.worker.claims import EVERYTHING, Claim, Closed, DueEndpoint, Wanted
from kronos.worker.shares import UNKNOWN, Shares

# A claimer that names every endpoint locks every limited gate and starves the others.
_MOST_IN_ONE_CLAIM = 64
# Clocks of transactions that commit late: an execution may become visible a little below the newest that was claimed.
_BEHIND = timedelta(seconds=1)
# A tick on time is made within kronos.grace() after it is due, by a transaction of up to 30 s: what has been due for
# longer was there at the full look.
SETTLED = timedelta(minutes=2)
# What a step of priority is worth (sql/functions/ground/rank_of.sql).
_STEP = timedelta(minutes=1)
_HIGHEST = 10
# So many endpoints a look reads from their floors: each costs it a look into the index, whether or not it has anything.
_FLOORS_OF_A_LOOK = 64
# A slot that another worker gives back is that worker's to fill. Where it stops instead, or its lease runs out, nobody
# says so: an endpoint that is full is tried again after this.
_FULL_SECONDS = 1.0
# Who announces work names the endpoint alone; of those that were claimed of last, its workspace is known.
_MOST_KNOWN = 4096
# Whatever was said of the next token: a limit that was changed while nobody listened, and a clock that was set forward,
# open an endpoint as well.
_LONGEST_CLOSED_SECONDS = 60.0


class _Closing(NamedTuple):
    """An endpoint that its limit closes until `opens_at` (monotonic). `workspace_id`: it is full, and a slot opens it
    before that."""

    opens_at: float
    workspace_id: str | None


class ReadFrom(NamedTuple):
    """What a claim took of an endpoint: all that was due before `due_at` and ranked before `rank`, which are one where
    nothing has a priority."""

    due_at: datetime
    rank: datetime

    @property
    def of_all(self) -> datetime:
        """When what is left to be claimed was due at the earliest, but for what has a negative priority."""
        return min(self)


_EVERYTHING = ReadFrom(EVERYTHING, EVERYTHING)
# What was due before this, as a row written by SQL may say, is shown as of then: it is no place in an index.
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


class Rotation:
    """Workspaces in turn, and in each its endpoints; all of it a hint, which the next look at the database corrects."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._turn: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()
        self._workspaces: dict[str, str] = {}  # of the endpoints that are in turn
        self._known: OrderedDict[str, str] = OrderedDict()
        # Limited endpoints that gave less than was asked for: full, or served by another worker at that moment.
        self._short: set[str] = set()
        # Endpoints that their limits close, and the first of the times at which one opens. Who waited longer for a slot
        # comes first.
        self._closed: OrderedDict[str, _Closing] = OrderedDict()
        self._opens_at = math.inf
        # From where on a claim reads an endpoint's index; who was claimed of last comes last.
        self._floors: OrderedDict[str, ReadFrom] = OrderedDict()
        # Endpoints whose work had waited for longer than SETTLED at the full look.
        self._behind: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._turn)

    def has_turn(self, free: int) -> bool:
        """Whether any of them may have one of `free` slots."""
        return any(self._shares.has_room(workspace_id, free) for workspace_id in self._turn)

    def offer(self, endpoints: Mapping[str, str]) -> None:
        """All that have something to claim (endpoint -> workspace), as a look found them: they come last, those that
        are in it keep their turn."""
        self._short.clear()
        for endpoint_id, workspace_id in endpoints.items():
            if endpoint_id not in self._closed:
                self._put(endpoint_id, workspace_id)

    def offer_first(self, endpoints: Iterable[str]) -> None:
        """Someone says that these have something to claim: it is their turn."""
        for endpoint_id in endpoints:
            if endpoint_id not in self._closed:
                workspace_id = self._put(endpoint_id)
                self._turn[workspace_id].move_to_end(endpoint_id, last=False)
                self._turn.move_to_end(workspace_id, last=False)

    def _put(self, endpoint_id: str, workspace_id: str | None = None) -> str:
        """Into its workspace's turn, if it is not there: last. Returns the workspace, as far as it is known."""
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
        """A run of each of these limited endpoints (endpoint -> workspace) has ended: where one had come up short, or
        it or its workspace was full, there is room now."""
        for endpoint_id, workspace_id in ended.items():
            if endpoint_id in self._short and endpoint_id not in self._closed:
                self._short.discard(endpoint_id)
                self._put(endpoint_id, workspace_id)
        if self._closed:
            workspaces = set(ended.values())
            self._open([one for one, closing in self._closed.items() if closing.workspace_id in workspaces])

    def _close(self, closed: Iterable[Closed], taken: Mapping[str, object]) -> None:
        """Until a token comes, or a slot is given back, nobody asks them. Those of which nothing was taken come first
        then."""
        now = time.monotonic()
        for one in sorted(closed, key=lambda one: one.endpoint_id in taken):
            is_full = one.opens_in_ms is None
            seconds = _FULL_SECONDS if one.opens_in_ms is None else one.opens_in_ms / 1000
            seconds = min(seconds, _LONGEST_CLOSED_SECONDS)
            self._take_out(one.endpoint_id)
            self._closed[one.endpoint_id] = _Closing(now + seconds, one.workspace_id if is_full else None)
            self._opens_at = min(self._opens_at, now + seconds)

    def open_all(self) -> None:
        """A limit was changed: all are asked again."""
        self._open(list(self._closed))

    def open_due(self) -> None:
        """Those whose time has come have their turn."""
        now = time.monotonic()
        if now >= self._opens_at:
            self._open([one for one, closing in self._closed.items() if closing.opens_at <= now])

    @property
    def opens_at(self) -> float:
        """When the first of those that are closed opens; infinite where none is. Monotonic."""
        return self._opens_at

    def _open(self, endpoints: Iterable[str]) -> None:
        for endpoint_id in endpoints:
            del self._closed[endpoint_id]
            self._short.discard(endpoint_id)
            self._put(endpoint_id)
        self._opens_at = min((closing.opens_at for closing in self._closed.values()), default=math.inf)

    def look_fully(self, found: Iterable[DueEndpoint]) -> None:
        """A look has read everything: the next claims read their indexes from the beginning, so that no floor can
        starve an execution."""
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
        """From where on a look that is not full reads these endpoints: those with old work, and those that were claimed
        of last."""
        return {
            endpoint_id: self._floors[endpoint_id].of_all
            for endpoint_id in {*self._behind, *islice(reversed(self._floors), _FLOORS_OF_A_LOOK)}
        }

    def next(self, free: int) -> list[Wanted]:
        """The endpoints whose turn it is, with `free` shared out among their workspaces, and each share among the
        workspace's endpoints exactly. They go to the end."""
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
        """What a claim took: who gave less than was asked for leaves it until the next look; who is closed by a limit,
        until it opens."""
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
        """The claim had no answer: nothing is known of these endpoints."""
        self._drop_short(wanted, {})

    def _drop_short(self, wanted: Sequence[Wanted], taken: Mapping[str, int]) -> None:
        for one in wanted:
            if taken.get(one.endpoint_id, 0) < one.quota:
                self._take_out(one.endpoint_id)
                self._short.add(one.endpoint_id)
