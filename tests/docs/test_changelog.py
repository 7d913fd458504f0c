"""Changelog entries are whole: when two branches write at the same place, a merge may mix up or duplicate entries."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from docs.blocks import ROOT

_LEAST_OF_A_LINE = 60
"""The minimum length of a line that continues on the next one."""


def _faults(text: str) -> Iterator[str]:
    lines = text.splitlines()
    for number, (line, following) in enumerate(pairwise(lines), start=1):
        if not following.startswith("  ") or not line.startswith(("- ", "  ")):
            continue
        if line.endswith(".") and following.strip()[0].islower():
            yield f"{number + 1}: a sentence begins in its middle"
        if len(line) < _LEAST_OF_A_LINE:
            yield f"{number}: the line is cut"
    entries = [line for line in lines if line.startswith("- ") and len(line) > _LEAST_OF_A_LINE]
    yield from (f"twice: {line}" for line in sorted(set(entries)) if entries.count(line) > 1)


def test_each_entry_is_whole() -> None:
    assert list(_faults((ROOT / "CHANGELOG.md").read_text())) == []


_ENTRY = f"- {'word ' * 20}\n  and its end.\n"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (_ENTRY, 0),
        (f"{_ENTRY}  of what another said.\n", 2),
        (f"{_ENTRY}  With more.\n", 1),
        ("- It was so until\n  PostgreSQL did it.\n", 1),
        (_ENTRY * 2, 1),
        (f"{_ENTRY}\n  what is no entry, as it is indented\n\n- another\n", 0),
    ],
)
def test_what_a_merge_leaves_is_seen(text: str, number: int) -> None:
    assert len(list(_faults(text))) == number
