"""A clock for PostgreSQL, with libfaketime, that a test sets while the server runs. Only the time that it shows
changes, not its speed."""

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
# In these functions libfaketime shows the true time until they return. Before PostgreSQL 16 a signal handler within the
# postmaster's select forks the background workers, including pg_cron's launcher: for them it would never return.
_WAITS = {b"select", b"poll", b"ppoll", b"epoll_wait", b"epoll_pwait"}
_DYNSYM = 11


def library() -> str | None:
    """libfaketime's path, or None if it is not installed."""
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
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # setting a clock does not change it
            "FAKETIME_DISABLE_SHM": "1",
            "NO_FAKE_STAT": "1",
        }

    def step(self, by: timedelta) -> None:
        """Set the clock forward or back, immediately and for all processes."""
        self.offset += by
        draft = self._file.with_suffix(".new")  # renamed: a reader must never see half of it
        draft.write_text(f"{self.offset.total_seconds():+f}\n")
        draft.chmod(0o644)
        os.replace(draft, self._file)


@contextmanager
def stepped_clock() -> Iterator[SteppedClock]:
    """Raises if libfaketime is not installed: a test that steps the clock is marked with needs_library."""
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
    """The shared library (64 bits, little-endian) with the symbols of _WAITS renamed, so that no program finds them."""
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
    assert hidden >= {b"select", b"epoll_wait"}, "libfaketime has other wait functions than this was written for"
    return bytes(changed)
