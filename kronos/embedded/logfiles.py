"""The log files of a home: opened if possible, and limited in size."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from kronos.embedded.errors import explained

LARGEST_BYTES = 32 * 1024 * 1024
_END_BYTES = 64 * 1024
_PIECE_BYTES = 1024 * 1024


def open_or_none(log: Path, note: Callable[[str], None]) -> BinaryIO | None:
    """Return the file for appending. Its directory is created if it is missing.

    None if that fails: the process then writes to our own standard error, because running the job matters more than its
    log.
    """
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return log.open("ab")
    except OSError as error:
        note(f"the output of {log.stem} goes here until its next start: its log cannot be opened: {explained(error)}")
        return None


def end_of(log: Path) -> str:
    """Return the last ten lines without repetitions, because a process that fails at each start repeats its lines;
    empty if the log cannot be read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _END_BYTES))
            return "\n".join(dict.fromkeys(file.read().decode(errors="replace").splitlines()[-10:]))
    except OSError:
        return ""


def rotate(log: Path) -> None:
    """Move the last 32 MB of a log to `<log>.1` once it is larger than that, and empty it.

    It copies and truncates, because the process keeps writing to its descriptor (in append mode): lines written between
    the two are lost. If the disk is too full for the copy, the log is emptied nevertheless. Raises OSError then, and if
    the log could not be emptied.
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
    # Opened anew with an explicit mode: the old file's space is freed before the new one is written.
    with log.open("rb") as source, old.open("wb") as target:
        os.fchmod(target.fileno(), 0o600)
        source.seek(size - LARGEST_BYTES)
        left = LARGEST_BYTES  # not more, even if the file grows meanwhile
        while left > 0 and (piece := source.read(min(left, _PIECE_BYTES))):
            target.write(piece)
            left -= len(piece)
