"""Slows down callers that guess keys, by their address and by the key's public id, in bounded memory.

An address (for IPv6: a /64 network) may send 20 wrong keys at once, and then one every 3 s. One public id may be wrong
100 times, from all addresses together; beyond that, only keys from addresses without wrong keys are checked. A key that
was valid recently is never rejected because of others' wrong keys, whatever address it comes from. Callers that share a
proxy with a guesser continue, and a newcomer among them waits a few seconds.
"""

from collections import OrderedDict

from kronos.api.doors import address_of
from kronos.records import dataclass

MOST = 10_000
"""Maximum addresses, public ids and valid keys, each. The least recently used, 200 bytes each, are dropped first."""

_EACH_SECONDS = 3.0
_OF_AN_ADDRESS, _OF_AN_ID = 20, 100


@dataclass(frozen=True, slots=True)
class Guess:
    """A key being checked. It counts as wrong until it is found to be valid."""

    address: str
    public_id: str
    digest: bytes


class Guesses:
    """The guesses of one process."""

    def __init__(self) -> None:
        self._addresses = _Buckets(_OF_AN_ADDRESS)
        self._ids = _Buckets(_OF_AN_ID)
        self._right: OrderedDict[bytes, None] = OrderedDict()  # digests of whole keys

    def begin(self, host: str, public_id: str, digest: bytes, now: float) -> Guess | float:
        """Count the key before it is checked, so that parallel guesses gain nothing. Return the guess, or the seconds
        to wait."""
        guess = Guess(_network(host), public_id, digest)
        if digest in self._right:
            return guess
        wait = self._addresses.wait(guess.address, now)
        if not wait and guess.address in self._addresses:
            wait = self._ids.wait(public_id, now)
        if wait:
            return wait
        self._addresses.count(guess.address, now)
        self._ids.count(public_id, now)
        return guess

    def was_right(self, guess: Guess, now: float) -> None:
        """The key is valid: what was counted is given back."""
        if guess.digest not in self._right:
            self._addresses.give_back(guess.address, now)
            self._ids.give_back(guess.public_id, now)
        self._right[guess.digest] = None
        self._right.move_to_end(guess.digest)
        if len(self._right) > MOST:
            self._right.popitem(last=False)

    def was_wrong(self, guess: Guess, now: float) -> None:
        """The key is wrong. That counts even if it was valid before: a revoked key is a wrong key."""
        if self._right.pop(guess.digest, _ABSENT) is None:
            self._addresses.count(guess.address, now)
            self._ids.count(guess.public_id, now)

    def is_undecided(self, guess: Guess, now: float) -> None:
        """Unknown, because PostgreSQL was unavailable: what was counted is given back."""
        if guess.digest not in self._right:
            self._addresses.give_back(guess.address, now)
            self._ids.give_back(guess.public_id, now)

    def __len__(self) -> int:
        return len(self._addresses) + len(self._ids) + len(self._right)


_ABSENT = object()


class _Buckets:
    """For each name, when it will be forgotten. Each wrong key moves that instant by 3 s."""

    def __init__(self, burst: int) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()
        self._room = (burst - 1) * _EACH_SECONDS

    def __len__(self) -> int:
        return len(self._until)

    def __contains__(self, name: str) -> bool:
        return name in self._until

    def wait(self, name: str, now: float) -> float:
        """Return the seconds until one more may be wrong; 0: now."""
        return max(0.0, self._until.get(name, now) - now - self._room)

    def count(self, name: str, now: float) -> None:
        self._until[name] = max(self._until.get(name, now), now) + _EACH_SECONDS
        self._until.move_to_end(name)
        if len(self._until) > MOST:
            self._until.popitem(last=False)

    def give_back(self, name: str, now: float) -> None:
        if (until := self._until.get(name)) is not None:
            if until - _EACH_SECONDS <= now:
                del self._until[name]
            else:
                self._until[name] = until - _EACH_SECONDS


def _network(host: str) -> str:
    """Return what a wrong key counts for. A proxy may report a caller that is not an address."""
    try:
        return address_of(host)
    except ValueError:
        return host[:64]
