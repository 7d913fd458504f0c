"""CRON jobs of files: created together, changed one by one."""

import time
from collections.abc import Sequence
from uuid import UUID

from kronos import apply_diffs, batches, changes, errors, fire_diffs, managed
from kronos.apply_terms import ResourceOutcome
from kronos.applying import Applying
from kronos.errors import Fault
from kronos.fire_diffs import FireDiff
from kronos.managed import ComingRuns
from kronos.model import Job
from kronos.new_jobs import NewJob

_CALLBACKS = ("on_success", "on_failure")


async def make_and_change(applying: Applying) -> None:
    """Change existing jobs first, which may free a minute that a new job rings in. Then create new jobs, then retry the
    changes that depended on them."""
    left = await _change(applying, [each for each in applying.to_change("job") if _has_its_endpoint(applying, each)])
    await _make(applying)
    for each, why in await _change(applying, [each for each, _ in left]):
        applying.refuse_for(each, why)


async def _make(applying: Applying) -> None:
    """Create the jobs that do not exist. A job whose callbacks name another new job is created after that one."""
    left = {each.wanted.name: each for each in applying.to_make("job") if _has_its_endpoint(applying, each)}
    made: dict[UUID, tuple[ResourceOutcome, str]] = {}
    while left:
        ready = [each for each in left.values() if not (_called(_new(each)) & left.keys())]
        if not ready:
            _refuse_circle(applying, left)
            break
        for each in ready:
            del left[each.wanted.name]
        made |= await _made(applying, ready)
    runs = await managed.coming_runs(applying.view, list(made), within=fire_diffs.WITHIN, shown=fire_diffs.SHOWN)
    for job_id, of_job in runs.items():
        outcome, description = made[job_id]
        outcome.runs = gained(of_job, description)


async def _made(applying: Applying, outcomes: Sequence[ResourceOutcome]) -> dict[UUID, tuple[ResourceOutcome, str]]:
    made: dict[UUID, tuple[ResourceOutcome, str]] = {}
    for first in range(0, len(outcomes), batches.MOST_JOBS):
        some = outcomes[first : first + batches.MOST_JOBS]
        try:
            answers, _ = await batches.create(applying.view, [_new(each) for each in some], is_atomic=False)
        except errors.KronosError as error:
            for each in some:
                applying.refuse_for(each, error)
            continue
        for place, (each, answer) in enumerate(zip(some, answers, strict=True)):
            if isinstance(answer, Job):
                made[answer.job_id] = each, answer.description or ""
            elif isinstance(answer, errors.KronosError):
                applying.refuse_for(each, _without(answer, f"/jobs/{place}"))
    return made


async def _change(applying: Applying, left: list[ResourceOutcome]) -> list[tuple[ResourceOutcome, errors.KronosError]]:
    """Change existing jobs, each to its next version, and return those that are rejected. Rejected ones are retried
    after the others as long as their number decreases, since callbacks or minutes of other jobs may block them."""
    refused: list[tuple[ResourceOutcome, errors.KronosError]] = []
    while left:
        refused = []
        for each in left:
            try:
                await _changed(applying, each)
            except errors.KronosError as error:
                refused.append((each, error))
        if len(refused) == len(left):
            break
        left = [each for each, _ in refused]
    return refused


async def _changed(applying: Applying, outcome: ResourceOutcome) -> None:
    names = {each.field.split("/")[1] for each in outcome.changes}
    asked = apply_diffs.job_changes(_new(outcome), names)
    if asked.keys() & fire_diffs.ALTERING and not outcome.is_paused and applying.foreseeing < managed.COMING_SECONDS:
        began = time.monotonic()
        outcome.runs = await fire_diffs.foreseen(applying.view, outcome.wanted.name, asked)
        applying.foreseeing += time.monotonic() - began
    await changes.replace(applying.view, outcome.wanted.name, asked)


def gained(runs: ComingRuns, description: str) -> FireDiff:
    """Return the runs that a new job adds."""
    return FireDiff(
        description_before="",
        description=description,
        before=0,
        after=runs.runs,
        added=runs.runs,
        removed=0,
        moved=0,
        first_added=runs.first_runs,
        first_removed=[],
        first_moved=[],
    )


def lost(runs: ComingRuns, description: str) -> FireDiff:
    """Return the runs that a removed job loses."""
    return FireDiff(
        description_before=description,
        description="",
        before=runs.runs,
        after=0,
        added=0,
        removed=runs.runs,
        moved=0,
        first_added=[],
        first_removed=runs.first_runs,
        first_moved=[],
    )


def _new(outcome: ResourceOutcome) -> NewJob:
    if not isinstance(outcome.wanted.made, NewJob):
        raise TypeError(f"{outcome.wanted.pointer} is not a job")
    return outcome.wanted.made


def _called(new: NewJob) -> set[str]:
    """Return the other jobs that the job's callbacks name."""
    given = (getattr(new, name) for name in _CALLBACKS)
    return {each["job"] for each in given if each is not None and "job" in each} - {new.name or ""}


def _has_its_endpoint(applying: Applying, outcome: ResourceOutcome) -> bool:
    """Return whether the job's endpoint was accepted. If not, nothing is reported for the job: the endpoint is fixed
    first."""
    refused = {each.wanted.name for each in applying.outcomes if each.wanted.kind == "endpoint" and each.is_refused}
    return _new(outcome).endpoint not in refused


def _refuse_circle(applying: Applying, left: dict[str, ResourceOutcome]) -> None:
    for each in left.values():
        named = sorted(_called(_new(each)) & left.keys())
        detail = f"its callbacks form a cycle, or name jobs whose callbacks do: {', '.join(named)}"
        applying.refuse(each, detail, hint="Remove one of the callbacks: a run would trigger itself forever.")


def _without(error: errors.KronosError, at: str) -> errors.KronosError:
    """Return the error of a job in a batch as the error of that job by itself."""
    faults = tuple(
        Fault(pointer=each.pointer.removeprefix(at), detail=each.detail, hint=each.hint) for each in error.faults
    )
    return type(error)(error.detail, code=error.code, faults=faults)
