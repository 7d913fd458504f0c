"""Change, cancel and trigger existing jobs. A change first settles the job's due ticks, in the same transaction and
round trip."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import TypeAlias, TypeVar
from uuid import UUID, uuid4

import orjson
from psycopg.types.json import Jsonb

from kronos import errors, executions, idempotency, jobs, new_jobs, payload_specs, schedules
from kronos.database import WorkspaceView
from kronos.gathering import Request
from kronos.lines import Log
from kronos.model import CronTerms, Execution, Job, JsonObject
from kronos.records import dataclass
from kronos.server_time import CLOCK
from kronos.sql import Statement, statement
from kronos.waking import Waking


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The job that a statement changed."""

    job_id: UUID
    entries: int


Made = TypeVar("Made", bound=Changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The job that a change applies to, and how many executions its earlier due ticks became."""

    job_id: UUID | None
    executions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelledJob(Changed):
    """A job that was cancelled, and whether it still has executions to cancel."""

    has_runs_left: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelling:
    """How many executions of a cancelled job were handled in this step (0 if none can be right now), and whether all
    have ended or run their last attempt."""

    done: int
    is_over: bool


JobChanges: TypeAlias = Mapping[str, object]
"""The fields of a CRON job (CHANGEABLE) that a caller changes. An absent field stays as it is; None clears a field that
may be empty."""

CHANGEABLE = ("endpoint", "input", *(each.name for each in fields(CronTerms)))

SETTLE = statement("job_changes.settle_ticks", Settled)
_SETTLE_VERSION = statement("job_changes.settle_version", Settled)
_REPLACE = statement("job_changes.replace_cron_job", Changed)
_CANCEL = statement("job_turns.cancel_job", CancelledJob)
_CANCEL_FURTHER = statement("job_turns.cancel_further", Cancelling)
_TRIGGER = statement("jobs.trigger_job", Changed)
_TRIGGER_MANY = statement("jobs.trigger_jobs", Execution)

_log = Log("kronos.api")
_CANCEL_SECONDS = 3.0
"""How long a request that cancels a job with very many executions ends them, at some thousands per tenth of a second.
The workers and the reaper continue."""
_NULLABLE = tuple(each.name for each in fields(CronTerms) if each.default is None)
_LIVE = ("ACTIVE", "PAUSED")
MOST_OVERTAKINGS = 25

Versions: TypeAlias = Collection[int] | None
"""The versions that a change may apply to; None: any."""


async def change(
    view: WorkspaceView, job: str, write: Statement[Made], params: dict[str, object], *, if_match: Versions
) -> tuple[Made | None, Job]:
    """Settle the job's ticks, change it and read it, in one transaction. Return the changed row, or None, and the job
    as it is then.

    A live job at none of the versions `if_match` is not changed. Raises JobNotFound, PreconditionFailed, and Conflict
    (job_not_updatable) if `job` is the id of a replaced version of a job that is still live.

    If the job's name moved to a newer version while this waited for the older one's lock, the name is looked up again.
    Each try waits for one such change.
    """
    params = {**params, "job": job, "if_match": None if if_match is None else list(if_match)}
    for _ in range(MOST_OVERTAKINGS):
        settled, written, present = await view.prepare_write_read(_SETTLE_VERSION, write, jobs.GET, params)
        if written or not present or present[0].job_id == settled[0].job_id:
            break
    if not present:
        raise jobs.not_found(view, job)
    if not written:
        await refuse_replaced(view, present[0])
        if present[0].status in _LIVE:
            _refuse_unmatched(present[0], if_match)
    return written[0] if written else None, present[0]


async def refuse_replaced(view: WorkspaceView, present: Job) -> None:
    """Raises Conflict, naming the live version, if `present` was replaced and a newer version of the job is live."""
    if present.replaced_by_id is None:
        return
    (newest,) = await jobs.versions(view, str(present.job_id), limit=1, before=None)
    if newest.status in _LIVE:
        detail = (
            f"job {present.job_id} is version {present.version} and was replaced: the live version, {newest.version}, "
            f"is {newest.job_id}"
        )
        by_name = f", or {newest.name!r}, which always means the live one" if newest.name else ""
        fault = errors.Fault(pointer="", detail="this version was replaced", hint=f"Use {newest.job_id}{by_name}.")
        raise errors.Conflict(detail, code="job_not_updatable", faults=(fault,))


def _refuse_unmatched(present: Job, if_match: Versions) -> None:
    if if_match is not None and present.version not in if_match:
        raise errors.PreconditionFailed(
            f"job {present.job_id} is at version {present.version}, which If-Match does not name"
        )


async def replace(view: WorkspaceView, job: str, changes: JobChanges, *, if_match: Versions = None) -> Job:
    """Replace the live version of a CRON job by its next version. Rows and entries change together, or not at all.

    Raises JobNotFound, EndpointNotFound, Conflict (job_not_updatable), PreconditionFailed, Unprocessable,
    PgCronUnavailable, DatabaseUnavailable.
    """
    against: str | None = None
    held_to: Versions = if_match
    for _ in range(payload_specs.MOST_LOOKS):
        try:
            return await _replace(view, job, changes, if_match=held_to, validated=against)
        except errors.Unvalidated:
            present = await jobs.get(view, job)
            endpoint = str(changes.get("endpoint", present.endpoint))
            input: JsonObject = changes.get("input", present.input)  # type: ignore[assignment] # checked by JobPatch
            against = await payload_specs.look(view, endpoint, input)
            if if_match is None:
                held_to = [present.version]  # the version whose input was validated
        except errors.PreconditionFailed:
            if if_match is not None or held_to is None:
                raise
            held_to = None
    return await _replace(view, job, changes, if_match=if_match, validated=against)


async def _replace(
    view: WorkspaceView, job: str, changes: JobChanges, *, if_match: Versions, validated: str | None
) -> Job:
    job_id, terms = uuid4(), _terms(changes)
    params: dict[str, object] = {name: changes.get(name) for name in CHANGEABLE}
    params |= {
        "job_id": job_id,
        "validated": validated or "",
        "has_anchor": "anchor" in changes,
        "changed": [name for name, value in changes.items() if value is not None or name in _NULLABLE],
        "input": Jsonb(changes["input"]) if "input" in changes else None,
        "on_success": Jsonb(given) if (given := changes.get("on_success")) is not None else None,
        "on_failure": Jsonb(given) if (given := changes.get("on_failure")) is not None else None,
        "anchor": schedules.instant(terms.anchor),
        "anchor_local": schedules.local_time(terms.anchor),
    }
    is_replaced, old = await change(view, job, _REPLACE, params, if_match=if_match)
    if is_replaced:
        return old if old.job_id == job_id else await jobs.get(view, str(job_id))
    if old.trigger != "CRON" or old.status not in _LIVE:
        raise errors.Conflict(why_not_updatable(old), code="job_not_updatable")
    if faults := faults_of_change(old, changes):
        raise errors.Unprocessable.of(*faults)
    if "endpoint" in changes:
        raise jobs.no_endpoint(view, str(changes["endpoint"]))
    raise errors.Conflict(
        f"job {old.job_id} was changed at the same time: read it and try again", code="job_not_updatable"
    )


def _terms(changes: JobChanges) -> CronTerms:
    """Return the changed terms; the others have a new job's defaults."""
    # checked by JobPatch
    return CronTerms(**{name: changes[name] for name in new_jobs.TERMS if name in changes})  # type: ignore[arg-type]


def faults_of_change(old: Job, changes: JobChanges) -> tuple[errors.Fault, ...]:
    """Return what is wrong with the schedule that the job would have. A new expression or interval replaces the
    previous one, whichever it was."""
    terms = _terms(changes)
    cron, every = (
        (terms.cron, terms.every) if terms.cron is not None or terms.every is not None else (old.cron, old.every)
    )
    return tuple(schedules.faults(cron, every, terms.anchor, terms.timezone if "timezone" in changes else old.timezone))


def why_not_updatable(job: Job) -> str:
    """Return why a job that is not a live CRON job cannot be changed."""
    if job.trigger != "CRON":
        return f"job {job.job_id} is {job.trigger}: only CRON jobs can be changed"
    heir = f"; its next version is {job.replaced_by_id}" if job.replaced_by_id else ""
    return f"job {job.job_id} is {job.status}{heir}"


async def cancel(view: WorkspaceView, job: str, *, if_match: Versions = None) -> Job:
    """Retire a live job, remove its pg_cron entry and cancel its waiting executions, all or nothing. An ended job stays
    as it is.

    If it has more than a thousand executions, none of them is claimed from then on, and they end in committed steps.

    Raises JobNotFound, PreconditionFailed, Conflict (a replaced version of a job that goes on), PgCronUnavailable,
    DatabaseUnavailable.
    """
    cancelled, present = await change(view, job, _CANCEL, {}, if_match=if_match)
    if cancelled is None:
        _refuse_unmatched(present, if_match)
    elif cancelled.has_runs_left:
        await _cancel_further(view, cancelled.job_id)
    return present


async def _cancel_further(view: WorkspaceView, job_id: UUID) -> None:
    """End a cancelled job's executions in steps. An error here does not fail the request, since the job is
    cancelled."""
    until = time.monotonic() + _CANCEL_SECONDS
    while time.monotonic() < until:
        try:
            (step,) = await view.rows(_CANCEL_FURTHER, {"job_id": job_id})
        except errors.KronosError as error:
            _log.warning(
                "job.ends_later",
                "executions of job %s, which was cancelled, will end later: %s",
                job_id,
                error,
                job_id=str(job_id),
            )
            return
        if step.is_over or not step.done:
            return


async def trigger(
    view: WorkspaceView,
    job: str,
    *,
    input: JsonObject | None,
    priority: int | None = None,
    deadline_seconds: int | None = None,
    idempotency_key: str | None = None,
) -> tuple[Execution, bool]:
    """Run an ACTIVE or PAUSED job once now, in addition to its schedule. Return the execution, and whether it is new.
    The job's overlap policy may hold or skip it. `input`, `priority` and `deadline_seconds` default to the job's.

    Raises JobNotFound, Conflict, Unprocessable (idempotency_mismatch), OutcomeUnknown.
    """
    asked: tuple[object, ...] = (job, input) if priority is None else (job, input, priority)
    if deadline_seconds is not None:
        asked = (job, input, priority, deadline_seconds)
    key = idempotency.key("trigger", idempotency_key, *asked)
    own = _Own(input=input, priority=priority, deadline_seconds=deadline_seconds)
    return await idempotency.once(
        view, key, lambda: _trigger(view, job, own, key), lambda made: executions.get(view, made)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Own:
    """What a run uses instead of its job's values; None: the job's."""

    input: JsonObject | None
    priority: int | None
    deadline_seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """A run to be created: its request, and its record in a statement that creates several."""

    view: WorkspaceView
    execution_id: UUID
    record: JsonObject


async def _trigger(view: WorkspaceView, job: str, own: _Own, key: idempotency.Key | None) -> Execution:
    execution_id = _uuid7()
    if (made := await _triggered_with_others(view, execution_id, job, own, key)) is not None:
        return made
    view.changed_nothing()
    against: str | None = None
    for _ in range(payload_specs.MOST_LOOKS):
        try:
            return await _triggered(view, execution_id, job, own, key, against)
        except errors.Unvalidated:
            against = await payload_specs.look(view, (await jobs.get(view, job)).endpoint, own.input or {})
    return await _triggered(view, execution_id, job, own, key, against)


async def _triggered(
    view: WorkspaceView,
    execution_id: UUID,
    job: str,
    own: _Own,
    key: idempotency.Key | None,
    validated: str | None,
) -> Execution:
    params: dict[str, object] = {
        "job": job,
        "validated": validated or "",
        "execution_id": execution_id,
        "input": Jsonb(own.input) if own.input is not None else None,
        "priority": own.priority,
        "deadline_seconds": own.deadline_seconds,
        **idempotency.params(key),
    }
    with Waking() as wake:
        params["wake"] = wake.is_wanted
        written, execution = await view.write_then_read(
            _TRIGGER, params, executions.GET, {"execution_id": execution_id}
        )
        wake.is_heard = bool(written)
    if written:
        return execution[0]
    present = await jobs.get(view, job)
    await refuse_replaced(view, present)
    if (workspace := await view.enter()).status != "ACTIVE":
        raise errors.WorkspaceSuspended(view.workspace, workspace.status, "new runs")
    raise errors.Conflict(
        f"job {present.job_id} is {present.trigger} and {present.status}: only a live CRON job can be triggered"
    )


async def _triggered_with_others(
    view: WorkspaceView, execution_id: UUID, job: str, own: _Own, key: idempotency.Key | None
) -> Execution | None:
    """Create the run in one statement with others that wait at the same time. Return None if that did not create it, as
    with a job whose runs may not overlap. A run with an idempotency key may have to wait for a transaction that uses
    the same key, so it is never in one statement with runs that have none."""
    written = orjson.dumps(own.input) if own.input is not None else None
    record: JsonObject = {
        "job": job,
        "execution_id": execution_id,
        "input": orjson.Fragment(written) if written is not None else None,
        "idempotency_key": key.text if key else None,
        "request_sha256": idempotency.hex_of(key.request_sha256) if key else None,
        "priority": own.priority,
        "deadline_seconds": own.deadline_seconds,
    }

    async def make(runs: Sequence[_Run]) -> list[Execution | None]:
        with Waking() as wake:
            params = {"runs": new_jobs.written([each.record for each in runs]), "wake": wake.is_wanted}
            rows = await view.for_all(
                [each.view for each in runs],
                lambda all_of: all_of.rows(_TRIGGER_MANY, params),
                makes=[each.execution_id for each in runs],
            )
            wake.is_heard = bool(rows)
        made = {row.execution_id: row for row in rows or ()}
        return [made.get(each.execution_id) for each in runs]

    run = _Run(view=view, execution_id=execution_id, record=record)
    request = Request(asked=run, size=len(written or b""), apart=frozenset([key.text] if key else ()))
    return await view.gatherer.ask(("trigger", key is not None, view.workspace), make, request)


def _uuid7() -> UUID:
    """Return a UUID like kronos.uuid7's. It is made here because the statement that reads the execution back, in the
    same round trip, needs to know it."""
    bits = int(CLOCK.seconds() * 1000) << 80 | uuid4().int & ((1 << 80) - 1)
    bits = bits & ~(0xF << 76) | 0x7 << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=bits)
