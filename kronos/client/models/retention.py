"""What the API answers: retention. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """Days; null: the instance's default."""

    success_days: int | None
    failure_days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """The retention in force for a workspace, its own setting, and the instance's defaults. version: counts
    the changes of its own setting."""

    workspace: str
    success_days: int
    failure_days: int
    override: Ages
    defaults: Ages
    retained_from: datetime | None
    version: int
