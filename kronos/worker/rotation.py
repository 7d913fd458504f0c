"""The rotation of endpoints that have something to claim: fair, and never idle while one of them has work."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

from kronos.worker.claims import EVERYTHING, Claim, DueEndpoint, Wanted

# A claimer that names every endpoint locks every limited gate and starves the others.
_MOST_IN_ONE_CLAIM = 64
# Clocks of transactions that commit late: an execution may become visible a little below the newest that was claimed.
_BEHIND = timedelta(seconds=1)
# A tick on time is made within kronos.grace() after it is due, by a transaction of up to 30 s: what has been due for
# longer was there at the full look.
SETTLED = timedelta(minutes=2)
# So many endpoints a look reads from their floors: each costs it a look into the index, whether or not it has anything.
_FLOORS_OF_A_LOOK = 64


class Rotation:
    """Endpoints in turn; all of it a hint, which the next look at the database corrects."""

    def __init__(self) -> None:
        self._turn: OrderedDict[str, None] = OrderedDict()
        # Limited endpoints that gave less than was asked for: full, or served by another worker at that moment.
        self._short: set[str] = set()
        # From where on a claim reads an endpoint's index; who was claimed of last comes last.
        self._floors: OrderedDict[str, datetime] = OrderedDict()
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
                due.endpoint_id: due.due_at - _BEHIND
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
            endpoint_id: self._floors[endpoint_id]
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
            wanted.append(Wanted(endpoint_id=endpoint_id, quota=quota, floor=self._floors.get(endpoint_id, EVERYTHING)))
        return wanted

    def claimed(self, wanted: Sequence[Wanted], claims: Iterable[Claim]) -> None:
        """What a claim took: who gave less than was asked for leaves it until the next look."""
        taken: dict[str, list[datetime]] = {}
        for claim in claims:
            taken.setdefault(claim.endpoint_id, []).append(claim.due_at)
        for endpoint_id, due_at in taken.items():
            self._floors[endpoint_id] = max(max(due_at) - _BEHIND, self._floors.get(endpoint_id, EVERYTHING))
            self._floors.move_to_end(endpoint_id)
        self._drop_short(wanted, {endpoint_id: len(due_at) for endpoint_id, due_at in taken.items()})

    def failed(self, wanted: Sequence[Wanted]) -> None:
        """The claim had no answer: nothing is known of these endpoints."""
        self._drop_short(wanted, {})

    def _drop_short(self, wanted: Sequence[Wanted], taken: Mapping[str, int]) -> None:
        for one in wanted:
            if taken.get(one.endpoint_id, 0) < one.quota:
                self._turn.pop(one.endpoint_id, None)
                self._short.add(one.endpoint_id)
