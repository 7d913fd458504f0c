"""What the API takes: retention. Made by bin/client out of the API's document."""

from typing import TypedDict


class RetentionPut(TypedDict, total=False):
    """How long a workspace's history is kept, in days; what is not given, or null, is the instance's."""

    success_days: int | None
    """SUCCESS, SKIPPED and CANCELLED, and jobs that are over."""
    failure_days: int | None
    """FAILED, MISSED and EXPIRED."""
