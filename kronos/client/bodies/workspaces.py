"""What the API takes: workspaces. Made by bin/client out of the API's document."""

from typing import Literal, Required, TypedDict


class QuotasPut(TypedDict, total=False):
    """Quotas of a workspace. A quota that is omitted or null has no limit. A document from GET may be sent
    back whole."""

    max_cron_jobs: int | None
    """Maximum ACTIVE and PAUSED CRON jobs."""
    max_executions_per_day: int | None
    """Maximum executions created per day (UTC)."""
    max_input_bytes: int | None
    """Maximum size of one input, as JSON."""
    max_concurrency: int | None
    """Maximum deliveries in flight at the same time, enforced exactly."""
    max_alarms_per_minute: int | None
    """Maximum pg_cron entries that ring in the same minute."""
    max_heartbeats: int | None
    """Maximum heartbeats. null: 10,000."""
    max_alert_rules: int | None
    """Maximum alert rules. null: 100."""


class WorkspaceCreate(TypedDict, total=False):
    """A workspace to create."""

    slug: Required[str]
    """Name in URLs. Never changes."""
    name: str | None
    """Display name. Defaults to the slug."""
    max_concurrency: int | None
    """Maximum deliveries in flight at the same time, enforced exactly. null: no limit."""
    organization: str | None
    """Slug of the organization that the workspace belongs to."""


class WorkspacePatch(TypedDict, total=False):
    """Changes to a workspace. At least one field is required. A document from GET may be edited and sent
    back whole."""

    name: str | None
    """Display name."""
    status: Literal["ACTIVE", "SUSPENDED"] | None
    """SUSPENDED: no job in the workspace runs."""
    max_concurrency: int | None
    """Maximum deliveries in flight at the same time, enforced exactly. null: no limit."""
