"""Caches have a budget in bytes, whatever keys and values tenants and receivers choose."""

import ast
import gc
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import kronos
from kronos.delivery import outcome, template, template_text
from kronos.delivery.answer import MAX_HEADERS, AnswerParser
from kronos.delivery.egress import EgressPolicy
from kronos.delivery.envelope import Undeliverable
from kronos.delivery.http import HttpTransport
from kronos.delivery.outcome import answered, described_request
from kronos.kept import Cache

# The modules with caches. Each is filled below with the worst input that anyone could choose, or contains only what
# Kronos writes.
_OURS = {  # only Kronos's own names are keys, or there is no key
    "kronos/sql.py",
    "kronos/floors.py",
    "kronos/repeatable_files.py",
    "kronos/revisions.py",
    "kronos/api/docs.py",
    "kronos/api/provider_calls.py",
    "kronos/dashboard/static.py",
    "kronos/dashboard/rendering.py",
    "kronos/client/_core/authorities.py",
    "kronos/client/_core/decoding.py",
}
_FILLED = {"kronos/delivery/template_text.py", "kronos/delivery/outcome.py", "kronos/delivery/egress.py"}
_MOST_BYTES = 16 * 1024 * 1024


def names(seed: int, count: int, length: int) -> list[str]:
    """Distinct names."""
    return [f"n{seed:06d}{number:04d}".ljust(length, "x") for number in range(count)]


def template_texts(length: int) -> None:
    for number in range(1500 if length < 1000 else 200):
        text = f"{{{{input.n{number}}}}}" + "{{input}}" * (length // 9 - 2)
        template.check(text)


def answers_headers(count: int, length: int) -> None:
    for seed in range(400):
        answer = AnswerParser()
        answer.feed(
            b"HTTP/1.1 204 No\r\n"
            + b"".join(b"%s: x\r\n" % name.encode() for name in names(seed, count, length))
            + b"\r\n"
        )
        answered(answer, expected=(), request="{", duration=timedelta())


def requests_urls(length: int) -> None:
    for seed in range(1500):
        described_request("POST", f"http://e.example/{names(seed, 1, length)[0]}", ())


def checked_urls(length: int) -> None:
    transport = HttpTransport(EgressPolicy.parse(""))
    _kept_alive.append(transport)
    for seed in range(1500):
        assert isinstance(
            transport.envelope("POST", f"http://e.example/{names(seed, 1, length)[0]}", {"Bad Name": ""}), Undeliverable
        )


def checked_hosts(labels: int) -> None:
    transport = HttpTransport(EgressPolicy.parse(""))
    _kept_alive.append(transport)
    for seed in range(1500):
        host = ".".join(names(seed, labels, 60))
        assert isinstance(transport.envelope("POST", f"http://{host}/{seed}", {"Bad Name": ""}), Undeliverable)


_kept_alive: list[object] = []


@pytest.mark.parametrize(
    "fill",
    [
        *(lambda length=length: template_texts(length) for length in (200, 250, 2000)),
        *(lambda size=size: answers_headers(*size) for size in ((16, 60), (64, 15), (120, MAX_HEADERS), (500, 128))),
        *(lambda length=length: requests_urls(length) for length in (900, 1000, 2000)),
        *(lambda length=length: checked_urls(length) for length in (900, 1000, 2000)),
        *(lambda labels=labels: checked_hosts(labels) for labels in (1, 4, 30)),
    ],
)
def test_a_cache_takes_some_megabytes_whatever_it_is_asked(fill: Callable[[], None]) -> None:
    outcome._names_before.cache_clear()
    outcome._redacted_url_before.cache_clear()
    template_text._parsed_before.cache_clear()
    fill()  # what Python itself keeps of the first round does not count
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        fill()
        gc.collect()  # unreferenced objects are not cached, and go at the next collection
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held - before < _MOST_BYTES


def test_each_cache_is_known_here() -> None:
    """If you add a cache, give it a budget and fill it in the test above."""
    root = Path(kronos.__file__).parents[1]
    with_cache = set()
    for path in Path(kronos.__file__).parent.rglob("*.py"):
        called = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        if called & {"lru_cache", "cache", "cached_property"}:
            with_cache.add(str(path.relative_to(root)))
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
