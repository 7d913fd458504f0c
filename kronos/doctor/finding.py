"""The result of a check: one row of `kronos doctor`, of /v1/system/status and of the System page. No I/O."""

from collections.abc import Sequence

from kronos.doctor.checks import CHECKS, Severity
from kronos.records import dataclass

LISTED = 100  # most rows that a check reads for a list
SHOWN = 5
MIGRATE = "run `kronos migrate` with an administrator's KRONOS_DATABASE_URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check's result: whether it passed, what was found, and if it failed what that means and the command or SQL
    that fixes it."""

    check: str
    ok: bool
    detail: str
    meaning: str | None = None
    fix: str | None = None

    @property
    def severity(self) -> Severity:
        """Return how bad it is if the check fails."""
        return CHECKS[self.check].severity

    @property
    def is_failure(self) -> bool:
        """Return whether the operator must act: the check failed, and is not only a notice."""
        return not self.ok and self.severity != "notice"


def ago(seconds: float) -> str:
    """Return the age in the largest unit of which it has at least two."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def some(texts: list[str]) -> str:
    """Return the first few, and the number of the rest."""
    more = f", and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more


def many(found: Sequence[object]) -> str:
    """Return the count, up to the number that was read."""
    return f"{LISTED} or more" if len(found) >= LISTED else str(len(found))
