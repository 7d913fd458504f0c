"""Why a job did or did not run at an instant: the decision, each step to it, and the evidence."""

from datetime import datetime

from kronos import errors
from kronos.database import WorkspaceView
from kronos.explain.explaining import FACTS, explained
from kronos.explain.facts import Explanation


async def explain(view: WorkspaceView, job: str, *, at: datetime | None) -> Explanation:
    """Why the job did or did not run at `at` (None: now). Raises JobNotFound."""
    if (facts := await view.one_or_none(FACTS, {"job": job, "at": at})) is None:
        raise errors.JobNotFound(f"no job {job!r} in workspace {view.workspace}")
    return explained(facts)
