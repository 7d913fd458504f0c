"""Preview how a change would alter a CRON job's runs of the coming days."""

from datetime import datetime, timedelta

from kronos import changes, errors, jobs, schedules
from kronos.changes import JobChanges
from kronos.database import WorkspaceView
from kronos.model import JsonObject
from kronos.records import dataclass
from kronos.sql import statement

WITHIN = timedelta(days=7)
SHOWN = 20
_TERMS = (
    "cron",
    "every",
    "timezone",
    "dst_gap",
    "dst_overlap",
    "starts_at",
    "ends_at",
    "max_runs",
    "calendars",
    "on_blackout",
)
ALTERING = {*_TERMS, "anchor"}
"""The terms of a job that determine when it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedRun:
    """A run that moves to another time of the same day."""

    from_at: datetime
    to_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FireDiff:
    """The runs that a change adds, removes and moves within 7 days: how many, and the first 20 of each.

    `before` and `after` count the runs without it and with it. A run counts as moved if one day, in the new schedule's
    zone, loses one run and gains another.
    """

    description_before: str
    description: str
    before: int
    after: int
    added: int
    removed: int
    moved: int
    first_added: list[datetime]
    first_removed: list[datetime]
    first_moved: list[MovedRun]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Differing:
    """The difference as PostgreSQL returns it."""

    difference: JsonObject
    description: str
    description_before: str


_PREVIEW = statement("schedules.preview_change", _Differing)


async def foreseen(view: WorkspaceView, job: str, asked: JobChanges) -> FireDiff:
    """Return what `asked` would do to the job's runs, without writing. Raises JobNotFound, Conflict
    (job_not_updatable), Unprocessable (invalid_cron, invalid_timezone, invalid_interval)."""
    present = await jobs.get(view, job)
    if present.trigger != "CRON" or present.status not in ("ACTIVE", "PAUSED"):
        raise errors.Conflict(changes.why_not_updatable(present), code="job_not_updatable")
    if faults := changes.faults_of_change(present, asked):
        raise errors.Unprocessable.of(*faults)
    anchor = asked.get("anchor")
    at = anchor if isinstance(anchor, datetime) else None
    params: dict[str, object] = {name: asked.get(name) for name in _TERMS} | {
        "job": str(present.job_id),
        "anchor": schedules.instant(at),
        "anchor_local": schedules.local_time(at),
        "changed": list(asked),
        "within": WITHIN,
        "shown": SHOWN,
    }
    if (found := await view.one_or_none(_PREVIEW, params)) is None:
        raise errors.Conflict(f"job {present.job_id} was changed at the same time: try again", code="job_not_updatable")
    difference = found.difference
    return FireDiff(
        description_before=found.description_before,
        description=found.description,
        **{name: difference[name] for name in ("before", "after", "added", "removed", "moved")},
        first_added=[schedules.instant_of(each) for each in difference["first_added"]],
        first_removed=[schedules.instant_of(each) for each in difference["first_removed"]],
        first_moved=[
            MovedRun(from_at=schedules.instant_of(each["from"]), to_at=schedules.instant_of(each["to"]))
            for each in difference["first_moved"]
        ],
    )
