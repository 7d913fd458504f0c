"""Explains why a job did or did not run at an instant: the decision, each step to it, and the evidence."""

from datetime import datetime

from kronos import alerts, errors
from kronos.database import WorkspaceView
from kronos.explain.explaining import FACTS, explained
from kronos.explain.facts import Explanation


async def explain(view: WorkspaceView, job: str, *, at: datetime | None) -> Explanation:
    """Explain why the job did or did not run at `at` (None: now). Raises JobNotFound."""
    found, open_alerts = await view.write_then_read(
        FACTS, {"job": job, "at": at}, alerts.OPEN, alerts.asked_open(job=job, at=at)
    )
    if not found:
        raise errors.JobNotFound(f"no job {job!r} in workspace {view.workspace}")
    return explained(found[0], open_alerts)
