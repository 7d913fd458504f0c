"""What the API takes: retention. Made by bin/client out of the API's document."""

from typing import TypedDict


class RetentionPut(TypedDict, total=False):
    """How many days a workspace keeps its history. A value that is omitted or null uses the instance's
    setting."""

    success_days: int | None
    """Days to keep SUCCESS, SKIPPED and CANCELLED executions, and finished jobs."""
    failure_days: int | None
    """Days to keep FAILED, MISSED and EXPIRED executions."""
