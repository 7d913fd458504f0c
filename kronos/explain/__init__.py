"""Explains why a job did or did not run at an instant: the decision, each step to it, and the evidence."""

from datetime import datetime

from kronos import alerts, errors
from kronos.database import WorkspaceView
from kronos.explain.explaining import FACTS, explained
from kronos.explain.facts import Explanation
from kronos.records import dataclass
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalInstant:
    """The row of explain.get_local_instant."""

    at: datetime


_LOCAL_INSTANT = statement("explain.get_local_instant", LocalInstant)


async def instant_of(view: WorkspaceView, job: str, at: datetime | None) -> datetime | None:
    """Return the instant at which the clocks of the job's zone show a naive `at`, or `at` itself if it is an instant.
    Raises JobNotFound."""
    if at is None or at.tzinfo is not None:
        return at
    found = await view.one_or_none(_LOCAL_INSTANT, {"job": job, "local": at})
    if found is None:
        raise errors.JobNotFound(f"no job {job!r} in workspace {view.workspace}")
    return found.at


async def explain(view: WorkspaceView, job: str, *, at: datetime | None) -> Explanation:
    """Explain why the job did or did not run at `at` (None: now). Raises JobNotFound."""
    found, open_alerts = await view.write_then_read(
        FACTS, {"job": job, "at": at}, alerts.OPEN, alerts.asked_open(job=job, at=at)
    )
    if not found:
        raise errors.JobNotFound(f"no job {job!r} in workspace {view.workspace}")
    return explained(found[0], open_alerts)
