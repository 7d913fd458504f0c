"""What a check found: one row of `kronos doctor`, of /v1/system/status and of the System page. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

from kronos.doctor.checks import CHECKS, Severity

LISTED = 100  # rows of a list that a check asks for
SHOWN = 5
MIGRATE = "run `kronos migrate` with an administrator's KRONOS_DATABASE_URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: whether it holds, what was found, what it means where it does not, and the command or SQL that puts it
    right."""

    check: str
    ok: bool
    detail: str
    meaning: str | None = None
    fix: str | None = None

    @property
    def severity(self) -> Severity:
        """How bad it is where it does not hold."""
        return CHECKS[self.check].severity

    @property
    def is_failure(self) -> bool:
        """Whether somebody has to do something: it does not hold, and is no mere notice."""
        return not self.ok and self.severity != "notice"


def ago(seconds: float) -> str:
    """The largest unit that there are two of at least."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def some(texts: list[str]) -> str:
    """The first few, and how many more."""
    more = f", and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more


def many(found: Sequence[object]) -> str:
    """How many, as far as was asked for."""
    return f"{LISTED} or more" if len(found) >= LISTED else str(len(found))
