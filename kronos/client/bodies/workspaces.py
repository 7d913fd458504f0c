"""What the API takes: workspaces. Made by bin/client out of the API's document."""

from typing import Literal, Required, TypedDict


class QuotasPut(TypedDict, total=False):
    """What a workspace may have and make; what is not given, or null, has no limit. What GET gives may be
    sent back whole."""

    max_cron_jobs: int | None
    """ACTIVE and PAUSED CRON jobs."""
    max_executions_per_day: int | None
    """Made on a day, in UTC."""
    max_input_bytes: int | None
    """Of one input, as JSON."""
    max_concurrency: int | None
    """Deliveries under way at once, exactly."""
    max_alarms_per_minute: int | None
    """Entries in pg_cron that may ring in one and the same minute."""
    max_heartbeats: int | None
    """Heartbeats; of null 10,000."""
    max_alert_rules: int | None
    """Alert rules; of null 100."""


class WorkspaceCreate(TypedDict, total=False):
    """A workspace to be made."""

    slug: Required[str]
    """Its name in URLs; never changes."""
    name: str | None
    """Its name for people; the slug by default."""
    max_concurrency: int | None
    """Deliveries under way at once, exactly; null: no limit."""
    organization: str | None
    """The slug of the organization that it is of."""


class WorkspacePatch(TypedDict, total=False):
    """The changes to a workspace: one field at least. What GET gives may be sent back whole, edited."""

    name: str | None
    """Its name for people."""
    status: Literal["ACTIVE", "SUSPENDED"] | None
    """SUSPENDED: no job runs."""
    max_concurrency: int | None
    """Deliveries under way at once, exactly; null: no limit."""
