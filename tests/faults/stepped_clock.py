"""A clock for PostgreSQL that a test sets while the server runs, by libfaketime; only what it shows changes, not how fast time passes."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from glob import glob
from pathlib import Path

_LIBRARIES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1", "/usr/lib64/faketime/libfaketime.so.1")


def library() -> str | None:
    """libfaketime's path; None where it is not installed."""
    return next((found for pattern in _LIBRARIES for found in glob(pattern)), None)


class SteppedClock:
    """Shows the machine's time plus `offset`, to processes that were started in `environment`."""

    def __init__(self, directory: Path, library: str) -> None:
        self._file = directory / "offset"
        self.offset = timedelta()
        self.step(timedelta())
        self.environment = {
            "LD_PRELOAD": library,
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
def stepped_clock(library: str) -> Iterator[SteppedClock]:
    directory = Path(tempfile.mkdtemp(prefix="kronos-clock-"))
    directory.chmod(0o711)  # PostgreSQL's own user reads it
    try:
        yield SteppedClock(directory, library)
    finally:
        shutil.rmtree(directory)
