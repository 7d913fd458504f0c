"""What the API takes: backfills. Made by bin/client out of the API's document."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Required, TypedDict


class BackfillCreate(TypedDict, total=False):
    """A past window whose ticks to run: [`from`, `to`), so `to` must be after `from`."""

    from_: Required[datetime | str]
    """Start of the window, inclusive."""
    to: Required[datetime | str]
    """End of the window, exclusive; not in the future."""
    max_active: int
    """Maximum unfinished executions of the backfill."""
    include: Sequence[Literal["MISSED", "SKIPPED", "CANCELLED", "FAILED"]]
    """Which ticks to run, by their outcome. FAILED: the execution becomes due again, under its own id and
    key. MISSED: includes ticks that have no recorded outcome."""
    priority: int | None
    """Priority of the backfill's executions, instead of the job's own."""
