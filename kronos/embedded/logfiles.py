"""The log files of a home: opened wherever that can be done, and bounded."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from kronos.embedded.errors import explained

LARGEST_BYTES = 32 * 1024 * 1024
_END_BYTES = 64 * 1024
_PIECE_BYTES = 1024 * 1024


def open_or_none(log: Path, note: Callable[[str], None]) -> BinaryIO | None:
    """The file to append to, in its folder, which is made again if it is gone.

    None where that cannot be done: the process that was to write there writes to our own standard error, for a job that
    runs is worth more than its log.
    """
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return log.open("ab")
    except OSError as error:
        note(f"what {log.stem} says goes here until its next start, for its log cannot be opened: {explained(error)}")
        return None


def end_of(log: Path) -> str:
    """The last ten lines, each once, as a process that ends at each start writes one again and again; none where it
    cannot be read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _END_BYTES))
            return "\n".join(dict.fromkeys(file.read().decode(errors="replace").splitlines()[-10:]))
    except OSError:
        return ""


def rotate(log: Path) -> None:
    """Moves the last 32 MB of a log to `<log>.1` once it is larger than that, however large it is, and empties it.

    By copy and truncation, because the process goes on writing to its descriptor (in append mode): lines written
    between the two are lost. Where the disk is too full for the copy the log is emptied all the same. Raises OSError
    then, and where it could not be emptied.
    """
    try:
        size = log.stat().st_size
    except FileNotFoundError:
        return
    if size <= LARGEST_BYTES:
        return
    try:
        _copy_end(log, log.with_name(log.name + ".1"), size)
    finally:
        os.truncate(log, 0)


def _copy_end(log: Path, old: Path, size: int) -> None:
    # A file of its own mode, opened again: what the old one held is free again before the new one is written.
    with log.open("rb") as source, old.open("wb") as target:
        os.fchmod(target.fileno(), 0o600)
        source.seek(size - LARGEST_BYTES)
        left = LARGEST_BYTES  # and no more, however fast the file grows meanwhile
        while left > 0 and (piece := source.read(min(left, _PIECE_BYTES))):
            target.write(piece)
            left -= len(piece)
