"""The rotation of endpoints that have something to claim: fair, and never idle while one of them has work."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from kronos.worker.claims import EVERYTHING, Claim, DueEndpoint, Wanted

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


class Rotation:
    """Endpoints in turn; all of it a hint, which the next look at the database corrects."""

    def __init__(self) -> None:
        self._turn: OrderedDict[str, None] = OrderedDict()
        # Limited endpoints that gave less than was asked for: full, or served by another worker at that moment.
        self._short: set[str] = set()
        # From where on a claim reads an endpoint's index; who was claimed of last comes last.
        self._floors: OrderedDict[str, ReadFrom] = OrderedDict()
        # Endpoints whose work had waited for longer than SETTLED at the full look.
        self._behind: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._turn)

    def offer(self, endpoints: Iterable[str]) -> None:
        """All that have something to claim, as a look found them: they come last, those that are in it keep their
        turn."""
        self._short.clear()
        for endpoint_id in endpoints:
            self._turn.setdefault(endpoint_id)

    def offer_first(self, endpoints: Iterable[str]) -> None:
        """Someone says that these have something to claim: it is their turn."""
        for endpoint_id in endpoints:
            self._turn[endpoint_id] = None
            self._turn.move_to_end(endpoint_id, last=False)

    def offer_again(self, endpoints: Iterable[str]) -> None:
        """A run of each of these limited endpoints has ended: where one had come up short, it has room now."""
        for endpoint_id in endpoints:
            if endpoint_id in self._short:
                self._short.discard(endpoint_id)
                self._turn.setdefault(endpoint_id)

    def look_fully(self, found: Iterable[DueEndpoint]) -> None:
        """A look has read everything: the next claims read their indexes from the beginning, so that no floor can
        starve an execution."""
        self._floors.clear()
        self._floors.update(
            {
                due.endpoint_id: ReadFrom(due.due_at - _BEHIND, due.due_at - _BEHIND + _HIGHEST * _STEP)
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
        """The endpoints whose turn it is, with `free` shared out among them exactly. They go to the end."""
        count = min(free, len(self._turn), _MOST_IN_ONE_CLAIM)
        if count == 0:
            return []
        share, rest = divmod(free, count)
        wanted = []
        for place in range(count):
            endpoint_id, _ = self._turn.popitem(last=False)
            self._turn[endpoint_id] = None
            quota = share + (1 if place < rest else 0)
            due_at, rank = self._floors.get(endpoint_id, _EVERYTHING)
            wanted.append(Wanted(endpoint_id=endpoint_id, quota=quota, floor=due_at, rank=rank))
        return wanted

    def claimed(self, wanted: Sequence[Wanted], claims: Iterable[Claim]) -> None:
        """What a claim took: who gave less than was asked for leaves it until the next look."""
        taken: dict[str, list[Claim]] = {}
        for claim in claims:
            taken.setdefault(claim.endpoint_id, []).append(claim)
        for endpoint_id, of_it in taken.items():
            due_at = max(claim.due_at for claim in of_it)
            rank = max(claim.due_at - _STEP * (claim.priority or 0) for claim in of_it)
            before = self._floors.get(endpoint_id, _EVERYTHING)
            if due_at - _BEHIND > before.due_at or rank - _BEHIND > before.rank:
                self._floors[endpoint_id] = ReadFrom(due_at - _BEHIND, rank - _BEHIND)
            self._floors.move_to_end(endpoint_id)
        self._drop_short(wanted, {endpoint_id: len(of_it) for endpoint_id, of_it in taken.items()})

    def failed(self, wanted: Sequence[Wanted]) -> None:
        """The claim had no answer: nothing is known of these endpoints."""
        self._drop_short(wanted, {})

    def _drop_short(self, wanted: Sequence[Wanted], taken: Mapping[str, int]) -> None:
        for one in wanted:
            if taken.get(one.endpoint_id, 0) < one.quota:
                self._turn.pop(one.endpoint_id, None)
                self._short.add(one.endpoint_id)
