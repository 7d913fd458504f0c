"""Wrong keys are slowed down per address and per public id, in bounded memory; keys that were right are not."""

import hashlib

from kronos.api import guesses
from kronos.api.guesses import Guess, Guesses


def wrong(kept: Guesses, host: str, public_id: str, secret: str, now: float) -> float | None:
    """How many seconds the caller must wait; None if the key was checked and is wrong."""
    begun = kept.begin(host, public_id, hashlib.sha256(secret.encode()).digest(), now)
    if isinstance(begun, float):
        return begun
    kept.was_wrong(begun, now)
    return None


def right(kept: Guesses, host: str, public_id: str, now: float) -> bool:
    begun = kept.begin(host, public_id, hashlib.sha256(b"right" + public_id.encode()).digest(), now)
    if isinstance(begun, Guess):
        kept.was_right(begun, now)
    return isinstance(begun, Guess)


def looked_at(kept: Guesses, host: str, count: int, now: float, *, ids: int = 1_000_000) -> int:
    return sum(wrong(kept, host, f"id{n % ids}", f"{host}{now}{n}", now) is None for n in range(count))


def test_an_address_may_be_wrong_twenty_times_and_once_in_three_seconds_after_that() -> None:
    kept = Guesses()
    assert looked_at(kept, "192.0.2.1", 1000, 0.0) == 20
    assert wrong(kept, "192.0.2.1", "x", "y", 1.0) == 2.0
    assert looked_at(kept, "192.0.2.1", 1000, 3.0) == 1
    assert looked_at(kept, "192.0.2.1", 1000, 3.0 + 60) == 20
    assert looked_at(kept, "192.0.2.2", 1000, 3.0) == 20


def test_what_is_under_way_counts_as_wrong_until_it_is_known() -> None:
    kept = Guesses()
    begun = [kept.begin("192.0.2.1", "id", bytes([n]), 0.0) for n in range(100)]
    under_way = [each for each in begun if isinstance(each, Guess)]
    assert len(under_way) == 20
    for each in under_way[:10]:
        kept.was_right(each, 0.0)
    for each in under_way[10:]:
        kept.is_undecided(each, 0.0)
    assert looked_at(kept, "192.0.2.1", 1000, 0.0) == 20


def test_an_address_of_ipv6_is_its_network_of_64_bits_and_a_mapped_one_is_of_ipv4() -> None:
    kept = Guesses()
    assert sum(looked_at(kept, f"2001:db8:0:1::{n:x}", 10, 0.0) for n in range(1, 50)) == 20
    assert looked_at(kept, "2001:db8:0:2::1", 1000, 0.0) == 20
    assert looked_at(kept, "::ffff:192.0.2.1", 15, 0.0) + looked_at(kept, "192.0.2.1", 15, 0.0) == 20
    assert looked_at(kept, "no address" * 100, 1000, 0.0) == 20


def test_a_key_that_was_right_goes_on_beside_one_who_guesses_and_a_newcomer_waits_seconds() -> None:
    kept = Guesses()
    assert right(kept, "192.0.2.1", "old", 0.0)
    assert looked_at(kept, "192.0.2.1", 1000, 0.0) == 20
    assert all(right(kept, "192.0.2.1", "old", float(now)) for now in range(3))
    assert not right(kept, "192.0.2.1", "new", 0.0)
    assert right(kept, "192.0.2.1", "new", 3.0)


def test_the_holder_of_an_id_that_many_addresses_guess_is_let_in_from_an_address_of_its_own() -> None:
    kept = Guesses()
    tried = sum(looked_at(kept, f"198.51.{n // 250}.{n % 250}", 5, 0.0, ids=1) for n in range(500))
    assert tried <= 100 + 500  # at most once per address
    assert tried < 5 * 500 / 4
    assert right(kept, "192.0.2.1", "id0", 0.0)


def test_a_key_that_was_revoked_is_a_wrong_one() -> None:
    kept = Guesses()
    assert right(kept, "192.0.2.1", "id", 0.0)
    secret = hashlib.sha256(b"rightid").digest()
    for _ in range(20):
        begun = kept.begin("192.0.2.1", "id", secret, 0.0)
        assert isinstance(begun, Guess)
        kept.was_wrong(begun, 0.0)
    assert isinstance(kept.begin("192.0.2.1", "id", secret, 0.0), float)


def test_no_number_of_addresses_ids_and_keys_makes_it_grow() -> None:
    kept = Guesses()
    for n in range(guesses.MOST + 2000):
        wrong(kept, f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", f"id{n}", f"{n}", float(n) / 1000)
        right(kept, f"11.{n >> 16}.{n >> 8 & 255}.{n & 255}", f"key{n}", float(n) / 1000)
    assert len(kept) <= 3 * guesses.MOST
