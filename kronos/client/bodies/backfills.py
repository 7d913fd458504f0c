"""What the API takes: backfills. Made by bin/client out of the API's document."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Required, TypedDict


class BackfillCreate(TypedDict, total=False):
    """A past window whose ticks are to be run: [`from`, `to`), so `to` is after `from`."""

    from_: Required[datetime | str]
    """Its first tick is not before."""
    to: Required[datetime | str]
    """Its last tick is before; not in the future."""
    max_active: int
    """Executions of it that may be unfinished at once."""
    include: Sequence[Literal["MISSED", "SKIPPED", "CANCELLED", "FAILED"]]
    """Which ticks it takes, by what had become of them. FAILED: the run is due again, under its own id and
    key. MISSED: also those of which nothing had become."""
    priority: int | None
    """Of its executions, in place of the job's own."""
