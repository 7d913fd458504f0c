"""Compare two versions of a job, and restore the terms of an older version."""

from dataclasses import fields
from datetime import datetime

from kronos import changes, errors, jobs
from kronos.database import WorkspaceView
from kronos.equality import is_same
from kronos.model import CronTerms, Job, Json, JsonObject
from kronos.records import dataclass

TERMS = (
    "endpoint",
    *(each.name for each in fields(CronTerms) if not each.name.startswith("catch_up")),
    "catch_up",
    "input",
)
"""The fields of a version of a CRON job, as GET names them: all that a PATCH may change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedTerm:
    """A field that differs between two versions of a job."""

    field: str
    before: Json
    after: Json


async def get(view: WorkspaceView, job: str, version: int) -> Job:
    """Return the job's version of this number. Raises JobNotFound."""
    found = await jobs.versions(view, job, limit=1, before=version + 1)
    if not found or found[0].version != version:
        detail = f"job {job!r} has no version {version}, or it is no longer kept"
        raise errors.JobNotFound(detail)
    return found[0]


def differences(before: Job, after: Job) -> list[ChangedTerm]:
    """Return the changes from `before` to `after`."""
    return [
        ChangedTerm(field=name, before=old, after=new)
        for name in TERMS
        if not is_same(old := _term(before, name), new := _term(after, name))
    ]


async def roll_back(view: WorkspaceView, job: str, version: int, *, if_match: changes.Versions = None) -> Job:
    """Create a new version of a live CRON job with all terms of an older one; if it already has them, change nothing.

    The change applies only if the live version is still the one that the terms were compared with. Raises what
    changes.replace raises, and JobNotFound if there is no such version.
    """
    wanted, present = await get(view, job, version), await jobs.get(view, job)
    if if_match is not None and present.version not in if_match:
        raise errors.PreconditionFailed(
            f"job {present.job_id} is at version {present.version}, which If-Match does not name"
        )
    if not (wanted_terms := _changes(present, wanted)):
        return present
    return await changes.replace(view, job, wanted_terms, if_match=[present.version])


def _term(job: Job, name: str) -> Json:
    """Return a term; an anchor as it was given, as a local time or as an instant."""
    if name == "anchor" and job.anchor_local is not None:
        return job.anchor_local
    return getattr(job, name)


def _changes(present: Job, wanted: Job) -> JsonObject:
    """Return the changes from the terms of `present` to those of `wanted`, as changes.replace takes them."""
    made: JsonObject = {each.field: each.after for each in differences(present, wanted)}
    if {"cron", "every", "anchor"} & made.keys():  # they replace each other
        for name in ("cron", "every", "anchor"):
            made.pop(name, None)
        if wanted.every is None:
            made["cron"] = wanted.cron
        else:
            local = wanted.anchor_local
            made |= {"every": wanted.every, "anchor": datetime.fromisoformat(local) if local else wanted.anchor}
    if (catch_up := made.pop("catch_up", None)) is not None:
        made |= {f"catch_up_{name}": value for name, value in catch_up.items()}
    return made
