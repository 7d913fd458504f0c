"""Caches have a budget in bytes, whatever keys and values tenants and receivers choose."""

import ast
import gc
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pytest

from kronos.delivery import outcome, template, template_text
from kronos.delivery.answer import MAX_HEADERS, AnswerParser
from kronos.delivery.egress import EgressPolicy
from kronos.delivery.envelope import Undeliverable
from kronos.delivery.http import HttpTransport
from kronos.delivery.outcome import answered, described_request
from kronos.kept import Cache
from parsed import modules

# The modules with caches. Each is filled below with the worst input that anyone could choose, or contains only what
# Kronos writes.
_OURS = {  # only Kronos's own names are keys, or there is no key
    "kronos/sql.py",
    "kronos/floors.py",
    "kronos/repeatable_files.py",
    "kronos/revisions.py",
    "kronos/doctor/tables.py",
    "kronos/api/docs.py",
    "kronos/api/provider_calls.py",
    "kronos/dashboard/static.py",
    "kronos/dashboard/rendering.py",
    "kronos/client/_core/authorities.py",
    "kronos/client/_core/decoding.py",
}
_FILLED = {"kronos/delivery/template_text.py", "kronos/delivery/outcome.py", "kronos/delivery/egress.py"}
_CACHING = {"lru_cache", "cache", "cached_property"}
_MOST_BYTES = 16 * 1024 * 1024


Ask = Callable[[int], object]
"""Has a cache look up something else for each number."""


@dataclass(frozen=True)
class Caller:
    """`count`: more than any of the caches holds of it; a few where nothing of it may be kept, however often.

    `traced`: how many of them are measured, as tracing makes each three times as slow. Each takes as much as the next.
    """

    make: Callable[[], Ask]
    count: int

    @property
    def traced(self) -> int:
        return max(5, self.count // 10)


def names(seed: int, count: int, length: int) -> list[str]:
    """Distinct names."""
    return [f"n{seed:06d}{number:04d}".ljust(length, "x") for number in range(count)]


def of_texts(length: int) -> Ask:
    end = "{{input}}" * (length // 9 - 2)
    return lambda seed: template.check(f"{{{{input.n{seed}}}}}{end}")


def of_headers(count: int, length: int) -> Ask:
    def ask(seed: int) -> None:
        answer = AnswerParser()
        headers = b"".join(b"%s: x\r\n" % name.encode() for name in names(seed, count, length))
        answer.feed(b"HTTP/1.1 204 No\r\n" + headers + b"\r\n")
        answered(answer, expected=(), request="{", duration=timedelta())

    return ask


def of_urls(length: int) -> Ask:
    return lambda seed: described_request("POST", f"http://e.example/{names(seed, 1, length)[0]}", ())


def of_checks(url: Callable[[int], str]) -> Ask:
    transport = HttpTransport(EgressPolicy.parse(""))

    def ask(seed: int) -> None:
        assert isinstance(transport.envelope("POST", url(seed), {"Bad Name": ""}), Undeliverable)

    return ask


def of_checked_urls(length: int) -> Ask:
    return of_checks(lambda seed: f"http://e.example/{names(seed, 1, length)[0]}")


def of_checked_hosts(labels: int) -> Ask:
    return of_checks(lambda seed: f"http://{'.'.join(names(seed, labels, 60))}/{seed}")


@pytest.mark.parametrize(
    "caller",
    [
        *(Caller(partial(of_texts, length), 1100) for length in (200, 250)),
        Caller(partial(of_texts, 2000), 25),
        *(Caller(partial(of_headers, *size), 400) for size in ((12, 60), (16, 60), (64, 15))),
        *(Caller(partial(of_headers, *size), 25) for size in ((120, MAX_HEADERS), (500, 128))),
        *(Caller(partial(of_urls, length), 1100) for length in (900, 1000)),
        Caller(partial(of_urls, 2000), 25),
        *(Caller(partial(of_checked_urls, length), 1100) for length in (900, 1000, 2000)),
        *(Caller(partial(of_checked_hosts, labels), 1100) for labels in (1, 4)),
        Caller(partial(of_checked_hosts, 30), 100),
    ],
)
def test_a_cache_takes_some_megabytes_and_then_no_more_whatever_it_is_asked(caller: Caller) -> None:
    ask = caller.make()
    ask(-1)  # what Python itself keeps of a first call does not count
    for cached in (outcome._names_before, outcome._redacted_url_before, template_text._parsed_before):
        cached.cache_clear()
    tracemalloc.start()
    try:
        _ask_all(ask, range(caller.traced))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held * caller.count < _MOST_BYTES * caller.traced
    _ask_all(ask, range(caller.traced, caller.count))
    blocks = sys.getallocatedblocks()
    more = min(caller.count, 200)
    _ask_all(ask, range(caller.count, caller.count + more))
    assert sys.getallocatedblocks() - blocks < more, "each value that is kept is at least one block"


def _ask_all(ask: Ask, numbers: range) -> None:
    for number in numbers:
        ask(number)
    gc.collect()  # unreferenced objects are not cached, and go at the next collection


def test_each_cache_is_known_here() -> None:
    """If you add a cache, give it a budget and fill it in the test above."""
    with_cache = {
        module.name
        for module in modules()
        if any(isinstance(node, ast.Name) and node.id in _CACHING for node in module.nodes)
    }
    assert with_cache == _OURS | _FILLED


def test_what_is_kept_stays_within_its_budget_and_the_oldest_goes() -> None:
    kept: Cache[int, str] = Cache(budget=100, each=40)
    for key in range(5):
        kept.put(key, "x", 30)
    assert (len(kept), [key for key in range(5) if key in kept]) == (3, [2, 3, 4])

    assert kept.get(2) == "x"
    kept.put(5, "y", 30)
    assert [key for key in range(6) if key in kept] == [2, 4, 5]  # 3 was used longest ago

    kept.put(6, "z", 41)
    kept.put(4, "replaced by what is too large", 41)
    assert [key for key in range(7) if key in kept] == [2, 5]
    assert (kept.get(6), kept.get(4)) == (None, None)

    kept.put(2, "too large now", 41)
    kept.put(7, "a", 40)
    kept.put(8, "b", 30)
    assert [key for key in range(9) if key in kept] == [5, 7, 8]  # the bytes of 2 are free again
