"""The order in which files of tests are run, by what they took before (durations.txt).

pytest's processes take one file after the other. The longest come first, so that none of them is left alone at the end;
those that mostly wait, for a minute's edge or for a server to give up, are spread among those that are at work, so that
at no time all wait.

durations.txt has a line a file: the seconds of CPU that it took, with all that it started, and those that it waited.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

_TAKEN = Path(__file__).with_name("durations.txt")
_OF_A_NEW_FILE = (5.0, 0.0)


def order(files: Iterable[str]) -> list[str]:
    """These files, as they are to be begun."""
    named = sorted(files, key=lambda file: (-sum(_of(file)), file))
    waiting = [file for file in named if _of(file)[1] > _of(file)[0]]
    working = [file for file in named if _of(file)[1] <= _of(file)[0]]
    ends = [*_with_ends(waiting), *_with_ends(working)]
    return [file for _, file in sorted(ends)]


def _with_ends(files: list[str]) -> list[tuple[float, str]]:
    """Each with the share of the whole that comes before it: shares of two kinds side by side end together."""
    whole, before = sum(sum(_of(file)) for file in files), 0.0
    placed = []
    for file in files:
        placed.append((before / whole if whole else 0.0, file))
        before += sum(_of(file))
    return placed


def _of(file: str) -> tuple[float, float]:
    return _taken().get(file, _OF_A_NEW_FILE)


@cache
def _taken() -> dict[str, tuple[float, float]]:
    rows = (line.split() for line in _TAKEN.read_text().splitlines())
    return {file: (float(cpu), float(waited)) for cpu, waited, file in rows}
