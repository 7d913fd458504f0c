"""What other schedulers do where clocks are changed, as a job says it."""

from typing import Final

from kronos.imports.cron_fields import Expression
from kronos.model import JsonObject

_FIXED: Final = frozenset(
    {"UTC", "GMT", "Etc/UTC", "Etc/GMT", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu", "Z"}
)


def zone_of(named: str | None) -> str:
    """The zone as Kronos has it: UTC for each of its names."""
    return "UTC" if named is None or named in _FIXED else named


def vixie(read: Expression, zone: str) -> JsonObject:
    """cron's: an entry whose minute or hour begins with a star follows the clock; another one whose time is left out
    runs as soon as the clock is past it, and one whose time comes twice runs once. The hour's star is Kronos's rule
    too; what remains is the minute's, and that of a step beyond the last value, which is written as the first."""
    if zone == "UTC" or not (read.was_wild and read.has_fixed_hours):
        return {}
    return {"dst_gap": "SKIP", "dst_overlap": "BOTH"}


def follows_clock(read: Expression, zone: str) -> JsonObject:
    """What looks at the clock and nothing else (robfig/cron, pg_cron): what is left out does not run, what comes twice
    runs twice."""
    return {} if zone == "UTC" or not read.has_fixed_hours else {"dst_gap": "SKIP", "dst_overlap": "BOTH"}


def once_or_not(read: Expression, zone: str) -> JsonObject:
    """EventBridge Scheduler's: what is left out does not run, what comes twice runs once."""
    return {} if zone == "UTC" or not read.has_fixed_hours else {"dst_gap": "SKIP", "dst_overlap": "FIRST"}
