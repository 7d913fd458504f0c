"""What the API answers: dead letters. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterCount:
    """How many dead letters an operation would process now."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterGroup:
    """Dead letters of one endpoint and error type: how many, and of how many jobs. `message` is the error of
    the latest, which is `execution_id`."""

    endpoint: str
    error_type: str | None
    number: int
    jobs: int
    first_failed_at: datetime
    last_failed_at: datetime
    execution_id: UUID
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterGroups:
    """The newest dead letters, at most 10,000, by endpoint and error type, largest groups first. `counted`:
    how many were counted. `is_cut`: there may be more."""

    data: list[LetterGroup]
    counted: int
    is_cut: bool
