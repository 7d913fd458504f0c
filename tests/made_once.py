"""What takes a test's tools seconds to make (an installation, a compiled client), kept from one run of the tests to the
next while all that it is made of stays the same.

It is in pytest's cache, which `pytest --cache-clear` empties.
"""

from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


def folder_of(config: pytest.Config, name: str) -> Path:
    """A folder of pytest's cache."""
    if config.cache is None:
        raise RuntimeError("pytest runs without its cache (-p no:cacheprovider), which these tests need")
    return config.cache.mkdir(name)


def made_once(config: pytest.Config, name: str, of: Iterable[str | bytes], make: Callable[[Path], None]) -> Path:
    """Return the folder that `make` filled from `of`, now or in an earlier run. If it raises, nothing is kept. `of`
    must have everything that the result depends on, versions of tools included."""
    digest = sha256()
    for each in of:
        part = each if isinstance(each, bytes) else each.encode()
        digest.update(f"{len(part)}:".encode() + part)
    shelf = folder_of(config, f"made-{name}")
    made = shelf / digest.hexdigest()[:32]
    if not made.exists():
        with TemporaryDirectory(dir=shelf, prefix="making-") as place:
            for other in shelf.glob("[0-9a-f]*"):  # renamed first: whatever has its name is whole
                other.rename(Path(place, other.name))
            folder = Path(place, "made")
            folder.mkdir()
            make(folder)
            folder.rename(made)
    return made


def contents(folder: Path, names: Iterable[str]) -> list[str | bytes]:
    """These files of the folder, each by its name and what it holds, as `of`."""
    return [part for name in sorted(names) for part in (name, (folder / name).read_bytes())]
