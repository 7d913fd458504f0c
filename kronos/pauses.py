"""Ways to keep a CRON job's ticks from running: a pause, with or without an end, and ticks to skip. The ledger records
each such tick."""

from datetime import datetime
from typing import TypedDict

from kronos import changes, errors
from kronos.database import WorkspaceView
from kronos.model import Job
from kronos.server_time import CLOCK
from kronos.sql import statement

_PAUSE = statement("job_turns.pause_job", changes.Changed)
_RESUME = statement("job_turns.resume_job", changes.Changed)
_SKIP_NEXT = statement("job_turns.skip_next_ticks", changes.Changed)


class PauseTerms(TypedDict, total=False):
    """The fields of a pause. For an existing pause, an absent field stays as it is, and None removes it."""

    note: str | None
    until: datetime | None


async def pause(
    view: WorkspaceView, job: str, terms: PauseTerms, *, actor: str, if_match: changes.Versions = None
) -> Job:
    """Stop a CRON job's ticks, and remove its pg_cron entry, until it is resumed or until the instant `until`.

    A paused job stays paused since the original time, with the given terms and their `actor`; without terms nothing
    changes. Raises JobNotFound, Conflict, PreconditionFailed, Unprocessable if `until` has passed, PgCronUnavailable,
    DatabaseUnavailable.
    """
    until = terms.get("until")
    if until is not None and until <= CLOCK.now():
        fault = errors.Fault(
            pointer="/until", detail=f"{until.isoformat()} is in the past", hint="Write a later time, or omit it."
        )
        raise errors.Unprocessable.of(fault)
    params: dict[str, object] = {"note": terms.get("note"), "until": until, "given": list(terms), "actor": actor}
    _, present = await changes.change(view, job, _PAUSE, params, if_match=if_match)
    if present.status != "PAUSED":
        raise errors.Conflict(
            f"job {present.job_id} is {present.trigger} and {present.status}: only an ACTIVE CRON job can be paused"
        )
    return present


async def resume(view: WorkspaceView, job: str, *, if_match: changes.Versions = None) -> Job:
    """Resume a paused job; the pause's ticks are recorded as skipped. An ACTIVE job stays as it is.

    Raises JobNotFound, Conflict, PreconditionFailed, PgCronUnavailable, DatabaseUnavailable.
    """
    _, present = await changes.change(view, job, _RESUME, {}, if_match=if_match)
    if present.status != "ACTIVE" or present.trigger != "CRON":
        raise errors.Conflict(
            f"job {present.job_id} is {present.trigger} and {present.status}: only a PAUSED job can be resumed"
        )
    return present


async def skip_next(view: WorkspaceView, job: str, *, count: int, if_match: changes.Versions = None) -> Job:
    """Skip this many of a live CRON job's next ticks, instead of the number set before.

    Raises JobNotFound, Conflict, PreconditionFailed.
    """
    is_changed, present = await changes.change(view, job, _SKIP_NEXT, {"count": count}, if_match=if_match)
    if not is_changed:
        raise errors.Conflict(
            f"job {present.job_id} is {present.trigger} and {present.status}: only a live CRON job has ticks to skip"
        )
    return present
