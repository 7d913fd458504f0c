"""What the API takes: dead letters. Made by bin/client out of the API's document."""

from datetime import datetime
from typing import Literal, TypedDict


class LetterDiscard(TypedDict, total=False):
    """Dead letters that are to be none any more."""

    endpoint: str | None
    """Of this endpoint."""
    job: str | None
    """Of this job, an id or a name."""
    error_type: str | None
    """Whose last error is of this type."""
    q: str | None
    """Whose last error's type or message holds this text."""
    after: datetime | str | None
    """Failed later."""
    before: datetime | str | None
    """Failed earlier."""


class LetterRedrive(TypedDict, total=False):
    """Dead letters that are to be due again."""

    endpoint: str | None
    """Of this endpoint."""
    job: str | None
    """Of this job, an id or a name."""
    error_type: str | None
    """Whose last error is of this type."""
    q: str | None
    """Whose last error's type or message holds this text."""
    after: datetime | str | None
    """Failed later."""
    before: datetime | str | None
    """Failed earlier."""
    endpoint_version: Literal["latest", "same"]
    """Their endpoint as it is now, or in the version that they had."""
    per_second: int | None
    """At most so many a second; null: as fast as it goes."""
