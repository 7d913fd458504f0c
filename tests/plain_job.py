"""A CRON job as the database returns it, with the defaults of a new one."""

from datetime import UTC, datetime
from uuid import UUID

from kronos.model import Job

AT = datetime(2026, 11, 20, tzinfo=UTC)
PLAIN = Job(
    job_id=UUID(int=2), name="nightly", title=None, workspace="acme", endpoint="sink", endpoint_type="HTTP",
    trigger="CRON", status="ACTIVE", status_reason=None, version=2, previous_version_id=UUID(int=1),
    replaced_by_id=None, cron="0 9 * * 1", every=None, anchor=None, anchor_local=None, timezone="UTC",
    description="At 09:00 on Monday", starts_at=None, ends_at=None, max_runs=None, dst_gap="SHIFT",
    dst_overlap="FIRST", jitter_seconds=0, overlap="ALLOW", catch_up={"policy": "LATEST", "window_seconds": 3600},
    skip_next=0, resume_at=None, next_run_at=AT, last_run_at=None, pg_cron=None, idempotency_key=None, run_at=None,
    run_at_local=None, input={}, priority=0, tags=[], created_at=AT, retired_at=None, execution=None, on_success=None,
    on_failure=None, deadline_seconds=None, calendars=[], on_blackout="SKIP", spread=None, offset_seconds=0,
)  # fmt: skip
