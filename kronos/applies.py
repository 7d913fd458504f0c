"""Apply files to a workspace in one transaction. The operations for single resources create, change and remove its
configs, payload specs, calendars, endpoints, jobs, heartbeats and alert rules.

Resources are created in that order, since each may name only kinds before its own. Removal goes in the opposite
direction. Kinds that quotas count are removed first, to make room; kinds that others may still name are removed last.
If anything is rejected, nothing is done. A trial does everything, including pg_cron's entries, and is rolled back.

Existing heartbeats are changed at the very end, because their pings wait for it (test_apply_pings).
"""

from collections.abc import Iterable

from kronos import apply_alerts, apply_diffs, apply_jobs, apply_removals, apply_resources, errors, load, managed
from kronos.apply_terms import (
    Applied,
    AppliedResource,
    ChangeCounts,
    LeftResource,
    LoadAfter,
    ResourceDrift,
    ResourceOutcome,
    RunCounts,
    WantedResource,
    WantedWorkspace,
)
from kronos.applying import LOCK_TIMEOUT, Applying
from kronos.database import WorkspaceView
from kronos.errors import Fault
from kronos.fire_diffs import FireDiff
from kronos.load import Load
from kronos.managed import Managed, Present

_SOURCE = "apply"


async def apply(view: WorkspaceView, asked: WantedWorkspace) -> Applied:
    """Apply the files, or, for a trial, return what that would do. Raises Unprocessable with a pointer to everything
    that is rejected, Conflict (apply_under_way), WorkspaceNotFound, WorkspaceSuspended, PgCronUnavailable,
    DatabaseUnavailable, OutcomeUnknown."""
    return await view.in_one(lambda inside: _apply(inside, asked), is_trial=asked.is_trial, source=_SOURCE)


async def _apply(view: WorkspaceView, asked: WantedWorkspace) -> Applied:
    await _lock(view)
    workspace = (await view.enter()).slug
    before = await _load(view)
    applying = await _compared(view, asked)
    await apply_resources.require_secrets(applying)
    apply_resources.require_admin_to_adopt(applying)
    removal = await apply_removals.begin(applying)
    await apply_resources.make_documents(applying)
    await apply_resources.make_calendars(applying)
    await apply_resources.make_endpoints(applying)
    await apply_jobs.make_and_change(applying)
    expected = await apply_alerts.read_heartbeats(applying)
    await apply_alerts.make_heartbeats(applying, expected)
    await apply_alerts.make_alert_rules(applying)
    await apply_resources.finish_configs(applying)
    removed = await apply_removals.finish(applying, removal)
    await apply_resources.judge_inputs(applying)
    applying.refuse_together()
    await _mark(applying)
    after = await _load(view)
    await apply_alerts.change_heartbeats(applying, expected)
    applying.refuse_together()
    resources = [*map(_shown, applying.outcomes), *removed]
    return Applied(
        workspace=workspace,
        set=asked.set_name,
        is_applied=not asked.is_trial,
        counts=_counts(resources),
        runs=_run_counts(each.runs for each in resources),
        resources=resources,
        left=[] if asked.prune else [LeftResource(kind=kind, name=name) for kind, name in applying.left_over()],
        load=_load_after(before, after),
    )


async def _lock(view: WorkspaceView) -> None:
    try:
        await managed.lock(view)
    except errors.DatabaseUnavailable as error:
        if error.sqlstate != LOCK_TIMEOUT:
            raise
        detail = f"another apply of workspace {view.workspace} is running, or it is being suspended or resumed"
        fault = Fault(pointer="", detail=detail, hint="Try again in some seconds: only one apply runs at a time.")
        raise errors.Conflict(detail, code="apply_under_way", faults=(fault,)) from None


async def _compared(view: WorkspaceView, asked: WantedWorkspace) -> Applying:
    """Return what has to be done. The jobs involved are locked from now on, so they stay as they were compared."""
    while True:
        outcomes = [ResourceOutcome(wanted=each) for each in asked.resources]
        applying = Applying(view=view, asked=asked, outcomes=outcomes, managed=await managed.of_workspace(view))
        found = await _compare(applying)
        changed = {each.wanted.name for each in applying.to_change("job")}
        removed = {name for kind, name in applying.left_over() if kind == "job"} if asked.prune else set()
        held = await managed.lock_jobs(view, changed | removed)
        if all(held.get(name) == found.jobs[name].job_id for name in changed):
            return applying


async def _compare(applying: Applying) -> Present:
    """Compare the named resources with the server's, and return the server's."""
    found = await managed.present(applying.view, [each.wanted.key for each in applying.outcomes])
    for each in applying.outcomes:
        wanted, note = each.wanted, applying.managed.get(each.wanted.key)
        _refuse_other_set(applying, each, note)
        present = apply_resources.fields_of(found, wanted, applying.asked.shown_endpoint)
        job = found.jobs.get(wanted.name) if wanted.kind == "job" else None
        if job is not None and job.trigger != "CRON":
            detail = f"the live job {wanted.name!r} is {job.trigger}: files hold CRON jobs"
            applying.refuse(each, detail, "/name", hint="Choose another name, or cancel that job.")
            continue
        each.present = present
        each.is_paused = job is not None and job.status == "PAUSED" and job.resume_at is None
        last = note.fields if note is not None and note.is_same is not False else None
        if note is not None and _is_over(wanted, note, applying.asked.set_name):
            each.present = wanted.fields
            continue
        if present is None:
            each.drift = _nobody() if note is not None else None
            continue
        each.is_adopted = note is None or note.is_same is not True or note.set_name != applying.asked.set_name
        each.changes = apply_diffs.between(present, wanted.fields, last)
        if any(change.is_drift for change in each.changes):
            each.drift = _nobody()
    await _attribute_drift(applying)
    return found


def _is_over(wanted: WantedResource, note: Managed, set_name: str) -> bool:
    """Return whether the job was created from these same files and has had all the runs that they gave it. It is then
    as the files want it; creating it again would repeat those runs."""
    has_end = wanted.fields.get("max_runs") is not None or wanted.fields.get("ends_at") is not None
    if not (note.is_over and has_end and note.set_name == set_name):
        return False
    said = apply_diffs.digests(wanted.fields)
    return all(note.fields.get(name, digest) == digest for name, digest in said.items())


def _nobody() -> ResourceDrift:
    return ResourceDrift(actor=None, at=None, action=None)


async def _attribute_drift(applying: Applying) -> None:
    drifted = [each for each in applying.outcomes if each.drift is not None]
    changes = await managed.last_changes(applying.view, [each.wanted.key for each in drifted])
    for each in drifted:
        if (change := changes.get(each.wanted.key)) is not None:
            each.drift = ResourceDrift(actor=change.actor, at=change.at, action=change.action)


def _refuse_other_set(applying: Applying, outcome: ResourceOutcome, note: Managed | None) -> None:
    asked = applying.asked
    if note is not None and note.is_same and note.set_name != asked.set_name and not asked.take_over:
        wanted = outcome.wanted
        detail = f"the {wanted.kind.replace('_', ' ')} {wanted.name!r} belongs to the set {note.set_name!r}"
        hint = "A resource belongs to one set. Remove it from these files, or apply them with take_over (--take-over)."
        applying.refuse(outcome, detail, "/name", hint=hint)


async def _mark(applying: Applying) -> None:
    """Record the content of the files as applied last."""
    marks = {each.wanted.key: apply_diffs.digests(each.wanted.fields) for each in applying.outcomes}
    await managed.mark(applying.view, applying.asked.set_name, marks)


async def _load(view: WorkspaceView) -> Load:
    minutes = load.MINUTES["7d"]
    return load.of_rows(await view.rows(load.LIST, load.asked(minutes)), minutes)


def _load_after(before: Load, after: Load) -> LoadAfter:
    warnings = []
    if after.busiest and after.busiest[0].runs > after.pg_cron_per_minute:
        busiest = after.busiest[0]
        warnings.append(
            f"{busiest.runs} runs are due at {busiest.at.isoformat()}, and pg_cron runs about "
            f"{after.pg_cron_per_minute} entries per minute: the last ones start late"
        )
    return LoadAfter(
        busiest_before=before.busiest[0] if before.busiest else None,
        busiest=after.busiest,
        pg_cron_per_minute=after.pg_cron_per_minute,
        worker_per_minute=after.worker_per_minute,
        warnings=warnings,
    )


def _shown(outcome: ResourceOutcome) -> AppliedResource:
    return AppliedResource(
        kind=outcome.wanted.kind,
        name=outcome.wanted.name,
        change=outcome.change,
        is_adopted=outcome.is_adopted,
        fields=outcome.changes,
        drift=outcome.drift,
        runs=outcome.runs,
    )


def _counts(resources: list[AppliedResource]) -> ChangeCounts:
    of = [each.change for each in resources]
    return ChangeCounts(
        created=of.count("created"),
        changed=of.count("changed"),
        unchanged=of.count("unchanged"),
        removed=of.count("removed"),
    )


def _run_counts(diffs: Iterable[FireDiff | None]) -> RunCounts:
    known = [each for each in diffs if each is not None]
    return RunCounts(
        added=sum(each.added for each in known),
        removed=sum(each.removed for each in known),
        moved=sum(each.moved for each in known),
    )
