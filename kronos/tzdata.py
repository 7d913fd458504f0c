"""Time zone data: PostgreSQL's compared with this machine's, and their age. Reads only this machine's files, nothing
from the network."""

import re
import zoneinfo
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from kronos.records import dataclass

_VERSION = re.compile(r"\b(\d{4})([a-z]{1,2})\b")
_PACKAGED = re.compile(r"(\d{4})\.(\d+)")  # PyPI's tzdata: 2025.2 is 2025b


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneReading:
    """A zone in use as PostgreSQL reads it: its UTC offset in seconds at each of some instants."""

    timezone: str
    probes: list[datetime]
    distances: list[int]


def version_in(text: str | None) -> str | None:
    """Return the version in a data file, such as 2025b: in the first line of tzdata.zi, or all of +VERSION."""
    found = _VERSION.search(text or "")
    return found[0] if found else None


def client_version() -> str | None:
    """Return the version of Python's data here; None if no file names it."""
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
    """Return whether data of this version is certainly more than a year old. A version only names its year, so the
    middle of that year counts."""
    found = _VERSION.fullmatch(version)
    return found is not None and today > date(int(found[1]) + 1, 7, 1)


def differing(readings: Sequence[ZoneReading]) -> list[str]:
    """Return the zones whose rules here differ from PostgreSQL's; zones that are unknown here are left out."""
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
