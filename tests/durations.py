"""The order in which test files run, by their previous durations (durations.txt).

Each pytest process takes one file after another. The longest files come first, so that none runs alone at the end.
Files that mostly wait, for the end of a minute or for a server to give up, are spread among the busy ones, so that not
all processes wait at the same time.

durations.txt has one line per file: the seconds of CPU that it took, including everything that it started, and the
seconds that it waited.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

_TAKEN = Path(__file__).with_name("durations.txt")
_OF_A_NEW_FILE = (5.0, 0.0)


def order(files: Iterable[str]) -> list[str]:
    """These files, in the order in which to start them."""
    named = sorted(files, key=lambda file: (-sum(_of(file)), file))
    waiting = [file for file in named if _of(file)[1] > _of(file)[0]]
    working = [file for file in named if _of(file)[1] <= _of(file)[0]]
    ends = [*_with_ends(waiting), *_with_ends(working)]
    return [file for _, file in sorted(ends)]


def _with_ends(files: list[str]) -> list[tuple[float, str]]:
    """Each file with the fraction of the total duration that precedes it. Merged by that fraction, two kinds of files
    end together.
    """
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
