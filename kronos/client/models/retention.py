"""What the API answers: retention. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """Days; None: the instance's."""

    success_days: int | None
    failure_days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What holds for a workspace, what of it is its own, and the instance's defaults. version: counts the
    changes of its own ages."""

    workspace: str
    success_days: int
    failure_days: int
    override: Ages
    defaults: Ages
    retained_from: datetime | None
    version: int
