"""What the API takes: dead letters. Made by bin/client out of the API's document."""

from datetime import datetime
from typing import Literal, TypedDict


class LetterDiscard(TypedDict, total=False):
    """Dead letters to discard."""

    endpoint: str | None
    """Of this endpoint."""
    job: str | None
    """Of this job: an id or a name."""
    error_type: str | None
    """Type of the last error."""
    q: str | None
    """Text that the last error's type or message contains."""
    after: datetime | str | None
    """Failed after this time."""
    before: datetime | str | None
    """Failed before this time."""


class LetterRedrive(TypedDict, total=False):
    """Dead letters to make due again."""

    endpoint: str | None
    """Of this endpoint."""
    job: str | None
    """Of this job: an id or a name."""
    error_type: str | None
    """Type of the last error."""
    q: str | None
    """Text that the last error's type or message contains."""
    after: datetime | str | None
    """Failed after this time."""
    before: datetime | str | None
    """Failed before this time."""
    endpoint_version: Literal["latest", "same"]
    """latest: the endpoint as it is now. same: the version that each execution used before."""
    per_second: int | None
    """Maximum per second; null: no limit."""
