"""Time zone data: PostgreSQL's against this machine's, and how old either is. Reads this machine's files, and nothing
of the network's."""

import re
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_VERSION = re.compile(r"\b(\d{4})([a-z]{1,2})\b")
_PACKAGED = re.compile(r"(\d{4})\.(\d+)")  # PyPI's tzdata: 2025.2 is 2025b


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneReading:
    """A zone in use as PostgreSQL reads it: its distance from UTC in seconds at each of some instants."""

    timezone: str
    probes: list[datetime]
    distances: list[int]


def version_in(text: str | None) -> str | None:
    """The version that a file of the data names, such as 2025b: the first line of tzdata.zi, or all of +VERSION."""
    found = _VERSION.search(text or "")
    return found[0] if found else None


def client_version() -> str | None:
    """The version of the data that Python has here; None where no file of it says."""
    for folder in map(Path, zoneinfo.TZPATH):
        for name in ("tzdata.zi", "+VERSION"):
            if (folder / name).is_file():
                with (folder / name).open(encoding="utf-8") as file:
                    return version_in(file.readline())
    try:
        packaged = _PACKAGED.match(version("tzdata"))
        return f"{packaged[1]}{chr(ord('a') + int(packaged[2]) - 1)}" if packaged else None
    except PackageNotFoundError:
        return None


def is_old(version: str, today: date) -> bool:
    """Whether data of this version is surely older than a year: a version names its year, so it counts from that year's
    middle."""
    found = _VERSION.fullmatch(version)
    return found is not None and today > date(int(found[1]) + 1, 7, 1)


def differing(readings: Sequence[ZoneReading]) -> list[str]:
    """The zones that this machine reads otherwise than PostgreSQL; one that it has not is left out."""
    return [reading.timezone for reading in readings if _reads_otherwise(reading)]


def _reads_otherwise(reading: ZoneReading) -> bool:
    try:
        zone = zoneinfo.ZoneInfo(reading.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return False
    here = [
        (at.astimezone(UTC).astimezone(zone).utcoffset() or timedelta()) // timedelta(seconds=1)
        for at in reading.probes
    ]
    return here != reading.distances
