"""A clock for PostgreSQL that a test sets while the server runs, by libfaketime; only what it shows changes, not how
fast time passes."""

import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from glob import glob
from pathlib import Path

import pytest

_LIBRARIES = (
    "/usr/lib/*/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
)
# In these libfaketime shows the true time until they return. Before PostgreSQL 16 background workers, pg_cron's
# launcher among them, are forked by a signal handler within the postmaster's select: for them it would never return.
_WAITS = {b"select", b"poll", b"ppoll", b"epoll_wait", b"epoll_pwait"}
_DYNSYM = 11


def library() -> str | None:
    """libfaketime's path; None where it is not installed."""
    return next((found for pattern in _LIBRARIES for found in glob(pattern)), None)


needs_library = pytest.mark.skipif(
    library() is None, reason="libfaketime is not installed (Debian: apt-get install libfaketime)"
)


class SteppedClock:
    """Shows the machine's time plus `offset` to processes that were started in `environment`."""

    def __init__(self, directory: Path, library: Path) -> None:
        self._file = directory / "offset"
        self.offset = timedelta()
        self.step(timedelta())
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",  # or a step would be seen up to ten seconds later
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # setting a clock does not touch it
            "FAKETIME_DISABLE_SHM": "1",
            "NO_FAKE_STAT": "1",
        }

    def step(self, by: timedelta) -> None:
        """Sets the clock forward or back, at once and for all processes."""
        self.offset += by
        draft = self._file.with_suffix(".new")  # renamed: nobody may read half of it
        draft.write_text(f"{self.offset.total_seconds():+f}\n")
        draft.chmod(0o644)
        os.replace(draft, self._file)


@contextmanager
def stepped_clock() -> Iterator[SteppedClock]:
    """Raises where libfaketime is not installed: a test that steps the clock is marked with needs_library."""
    found = library()
    if found is None:
        raise FileNotFoundError("libfaketime")
    directory = Path(tempfile.mkdtemp(prefix="kronos-clock-"))
    directory.chmod(0o711)  # PostgreSQL's own user reads it
    try:
        copy = directory / "libfaketime.so"
        copy.write_bytes(_hiding_waits(Path(found).read_bytes()))
        copy.chmod(0o644)
        yield SteppedClock(directory, copy)
    finally:
        shutil.rmtree(directory)


def _hiding_waits(library: bytes) -> bytes:
    """The shared library (64 bits, little-endian) with the symbols of _WAITS renamed, so that nobody is given them."""
    changed = bytearray(library)
    (sections_at,) = struct.unpack_from("<Q", library, 0x28)
    size, count = struct.unpack_from("<HH", library, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", library, sections_at + n * size) for n in range(count)]
    (symbols,) = (section for section in sections if section[1] == _DYNSYM)
    names_at = sections[symbols[6]][4]
    hidden = set()
    for at in range(symbols[4], symbols[4] + symbols[5], 24):
        (name,) = struct.unpack_from("<I", library, at)
        text = library[names_at + name : library.index(b"\0", names_at + name)]
        if text in _WAITS:
            struct.pack_into("<I", changed, at, name + 1)  # its name without the first letter
            hidden.add(text)
    assert hidden >= {b"select", b"epoll_wait"}, "a libfaketime without the waits that this was written for"
    return bytes(changed)
