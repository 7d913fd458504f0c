"""How other schedulers treat clock changes, as fields of a job."""

from typing import Final

from kronos.imports.cron_fields import Expression
from kronos.model import JsonObject

_FIXED: Final = frozenset(
    {"UTC", "GMT", "Etc/UTC", "Etc/GMT", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu", "Z"}
)


def zone_of(named: str | None) -> str:
    """Return the zone in Kronos's form: UTC for each of its names."""
    return "UTC" if named is None or named in _FIXED else named


def vixie(read: Expression, zone: str) -> JsonObject:
    """Return the fields for cron. An entry whose minute or hour begins with a star follows the clock. Any other entry
    runs as soon as the clock is past a skipped time, and once at a repeated time. For the hour, Kronos has the same
    rule. The fields cover the minute, and a step beyond the last value, which is written as the first."""
    if zone == "UTC" or not (read.was_wild and read.has_fixed_hours):
        return {}
    return {"dst_gap": "SKIP", "dst_overlap": "BOTH"}


def follows_clock(read: Expression, zone: str) -> JsonObject:
    """Return the fields for schedulers that only look at the clock (robfig/cron, pg_cron): a skipped time does not run,
    a repeated time runs twice."""
    return {} if zone == "UTC" or not read.has_fixed_hours else {"dst_gap": "SKIP", "dst_overlap": "BOTH"}


def once_or_not(read: Expression, zone: str) -> JsonObject:
    """Return the fields for EventBridge Scheduler: a skipped time does not run, a repeated time runs once."""
    return {} if zone == "UTC" or not read.has_fixed_hours else {"dst_gap": "SKIP", "dst_overlap": "FIRST"}
