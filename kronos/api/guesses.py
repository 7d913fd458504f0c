"""Keys that were wrong, by the address they came from and by their public id: who guesses is slowed, in bounded memory.

An address (of IPv6: a network of 64 bits) may be wrong 20 times at once, and once in 3 s after that. Of one public id
100 may be, from all addresses together; beyond that only an address that was not wrong yet is looked at. A key that was
right lately is never refused for what others sent, from whatever address it comes: those behind one proxy with somebody
who guesses go on, and a newcomer among them waits a few seconds.
"""

from collections import OrderedDict
from dataclasses import dataclass

from kronos.api.doors import address_of

MOST = 10_000
"""Addresses, public ids and keys that were right, each: what was used longest ago is forgotten, 200 bytes of it."""

_EACH_SECONDS = 3.0
_OF_AN_ADDRESS, _OF_AN_ID = 20, 100


@dataclass(frozen=True, slots=True)
class Guess:
    """A key that is being looked at: counted as wrong until it is found to be right."""

    address: str
    public_id: str
    digest: bytes


class Guesses:
    """Those of one process."""

    def __init__(self) -> None:
        self._addresses = _Buckets(_OF_AN_ADDRESS)
        self._ids = _Buckets(_OF_AN_ID)
        self._right: OrderedDict[bytes, None] = OrderedDict()  # digests of whole keys

    def begin(self, host: str, public_id: str, digest: bytes, now: float) -> Guess | float:
        """Count it before it is looked at, so that many at once are no more than one after the other; or how many
        seconds it has to wait."""
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
        """It is no guess: what was counted is given back."""
        if guess.digest not in self._right:
            self._addresses.give_back(guess.address, now)
            self._ids.give_back(guess.public_id, now)
        self._right[guess.digest] = None
        self._right.move_to_end(guess.digest)
        if len(self._right) > MOST:
            self._right.popitem(last=False)

    def was_wrong(self, guess: Guess, now: float) -> None:
        """It is one, also where it was right before: what is revoked is no key."""
        if self._right.pop(guess.digest, _ABSENT) is None:
            self._addresses.count(guess.address, now)
            self._ids.count(guess.public_id, now)

    def is_undecided(self, guess: Guess, now: float) -> None:
        """Nobody knows: PostgreSQL was away."""
        if guess.digest not in self._right:
            self._addresses.give_back(guess.address, now)
            self._ids.give_back(guess.public_id, now)

    def __len__(self) -> int:
        return len(self._addresses) + len(self._ids) + len(self._right)


_ABSENT = object()


class _Buckets:
    """When each will have been forgotten: an instant that each wrong key moves on by 3 s."""

    def __init__(self, burst: int) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()
        self._room = (burst - 1) * _EACH_SECONDS

    def __len__(self) -> int:
        return len(self._until)

    def __contains__(self, name: str) -> bool:
        return name in self._until

    def wait(self, name: str, now: float) -> float:
        """Seconds until one more may be wrong; 0: now."""
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
    """Whom a wrong key counts for; what a proxy says of its caller need be no address."""
    try:
        return address_of(host)
    except ValueError:
        return host[:64]
