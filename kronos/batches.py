"""Create many jobs in a few statements, however many there are: all or none, or each independently.

First everything that the jobs name (endpoints, keys, names, schedules) is checked for all of them together, so that
each fault is reported for the job that has it. Then the jobs are created in one transaction. If something they name was
changed meanwhile, that transaction is undone and the check is repeated.
"""

from collections.abc import Iterable, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import orjson

from kronos import errors, idempotency, jobs, new_jobs, one_shots, payload_specs, quotas, schedules
from kronos.batch_errors import placed, together
from kronos.database import WorkspaceView
from kronos.errors import Fault
from kronos.model import Job, JsonObject
from kronos.new_jobs import NewJob
from kronos.one_shots import OneShot
from kronos.payload_specs import Bound
from kronos.records import dataclass
from kronos.schedules import ScheduleRead
from kronos.sql import Statement, statement
from kronos.waking import Waking

MOST_JOBS = 1000
_TRIES = 3
Made: TypeAlias = Job | JsonObject
"""A job, or a one-shot's document, which has a job's form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """Which of the names that a batch uses exist already."""

    workspace: str
    workspace_status: str
    endpoints: list[str]
    specs: JsonObject
    twins: JsonObject
    names: list[str]
    called: list[str]
    quotas: JsonObject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """How many of the jobs exist."""

    jobs: int


@dataclass(slots=True)
class _Item:
    """One job of a batch, and its progress."""

    place: int
    new: NewJob
    run_at: datetime | None = None
    read: ScheduleRead | None = None
    answer: Made | errors.KronosError | None = None
    twin_id: UUID | None = None
    """The job that its idempotency key created before."""
    same: "_Item | None" = None
    """The earlier item of the batch with the same request and idempotency key."""
    valid_for: Bound | None = None
    """The payload spec against which its input was found valid."""


@dataclass(slots=True)
class _Batch:
    view: WorkspaceView
    is_atomic: bool
    items: list[_Item]
    workspace: str = ""
    faults: dict[int, errors.KronosError] = field(default_factory=dict)
    """Faults found before the first check, by the job's position."""

    specs: dict[str, Bound] = field(default_factory=dict)
    """The payload specs that endpoints name, by endpoint name, as of the last check."""

    @property
    def open(self) -> list[_Item]:
        """Return the jobs that remain to be created."""
        return [each for each in self.items if each.answer is None and each.twin_id is None and each.same is None]


_OVER_QUOTA = (errors.QuotaUsedUp, errors.QuotaTooSmall)
_FIND_TAKEN = statement("job_reads.find_taken", _Taken)
_INSERT_BARE = statement("jobs.insert_bare_one_shots", OneShot)
_MATCH_BATCH = statement("jobs.match_batch", _Counted)
LIST_BY_IDS = statement("job_reads.list_jobs_by_ids", Job)


async def create(
    view: WorkspaceView, asked: Sequence[NewJob | errors.KronosError], *, is_atomic: bool
) -> tuple[list[Made | errors.KronosError], bool]:
    """Create the jobs and return an answer for each, in order: the job, the one that its key created before, or the
    error. Also return whether all of them existed before.

    An error in `asked` stays in its position. With `is_atomic`, no answer is an error: one error is raised for all.
    Raises Unprocessable, EndpointNotFound, Conflict, WorkspaceNotFound, WorkspaceSuspended, PgCronUnavailable,
    DatabaseUnavailable, OutcomeUnknown.
    """
    items = [_Item(place, each) for place, each in enumerate(asked) if isinstance(each, NewJob)]
    faults = {place: each for place, each in enumerate(asked) if isinstance(each, errors.KronosError)}
    batch = _Batch(view, is_atomic, items, faults=faults)
    _refuse_together(batch)
    await _made(batch)
    await _known(batch)
    answers: list[Made | errors.KronosError] = []
    by_place = {each.place: each for each in items}
    for place in range(len(asked)):
        answer = faults.get(place) or by_place[place].answer
        answers.append(placed(answer, place) if isinstance(answer, errors.KronosError) else _some(answer))
    return answers, not faults and all(each.twin_id is not None for each in items)


def _some(answer: Made | None) -> Made:
    if answer is None:
        raise RuntimeError("a job of a batch has no answer")
    return answer


async def _made(batch: _Batch) -> None:
    """Create the open jobs, and try again if something that they name was changed meanwhile."""
    last: errors.KronosError | None = None
    for turn in range(_TRIES):
        await _look(batch, anew=turn > 0)
        _refuse_together(batch)
        if not batch.open:
            return
        try:
            await _insert(batch)
        except (errors.Conflict, errors.NotFound, errors.Unprocessable, errors.QuotaUsedUp) as error:
            if isinstance(error, errors.WorkspaceNotFound) or (batch.is_atomic and isinstance(error, _OVER_QUOTA)):
                raise
            last = error  # nothing was created: something that they name has changed since it was checked
        else:
            last = None
            if not batch.open:
                return
    if last is not None:
        raise last
    for each in batch.open:
        detail = f"objects that job {each.place} names keep changing at the same time: it was not created"
        each.answer = errors.Overtaken(detail)


async def _look(batch: _Batch, *, anew: bool) -> None:
    """Find what is wrong with each job, and which jobs exist already."""
    left = [each for each in batch.items if each.answer is None]
    for each in left:
        each.twin_id = each.same = None
    taken = await batch.view.one_or_none(
        _FIND_TAKEN,
        {
            "endpoints": list({name for each in left for name in (each.new.endpoint, *_named(each.new, "endpoint"))}),
            "called": list({name for each in left for name in _named(each.new, "job")}),
            "keys": [each.new.idempotency_key for each in left if each.new.idempotency_key is not None],
            "names": [each.new.name for each in left if each.new.name is not None],
        },
    )
    if taken is None:
        raise errors.WorkspaceNotFound.of(batch.view.workspace)
    batch.workspace = taken.workspace
    for each in left:
        _find_twin(each, taken)
    if batch.open and taken.workspace_status != "ACTIVE":
        raise errors.WorkspaceSuspended(batch.view.workspace, taken.workspace_status, "new jobs")
    batch.specs = {name: _bound(spec) for name, spec in taken.specs.items()}
    await _judge(batch, anew=anew)
    await _validate(batch)
    endpoints, names = set(taken.endpoints), set(taken.names)
    for each in batch.open:
        if each.new.endpoint not in endpoints:
            each.answer = jobs.no_endpoint(batch.view, each.new.endpoint)
        elif each.new.name in names:
            each.answer = errors.name_taken()
        elif faults := list(_callback_faults(each.new, endpoints=endpoints, called=set(taken.called))):
            each.answer = errors.Unprocessable.of(*faults)
    _find_doubles(batch.open)
    if taken.quotas is not None and not batch.is_atomic:
        quotas.refuse_each(taken.quotas, batch.open)


def _named(new: NewJob, what: str) -> Iterable[str]:
    """Return the endpoints or jobs that a job's callbacks name."""
    return (given[what] for given in (new.on_success, new.on_failure) if given is not None and what in given)


def _callback_faults(new: NewJob, *, endpoints: set[str], called: set[str]) -> Iterable[Fault]:
    """Yield a fault for each callback that names something missing. Jobs of the same batch do not exist yet."""
    for field_name, given in (("on_success", new.on_success), ("on_failure", new.on_failure)):
        if given is None:
            continue
        if "endpoint" in given and given["endpoint"] not in endpoints:
            detail = f"no endpoint {given['endpoint']!r} in this workspace"
            yield Fault(pointer=f"/{field_name}/endpoint", detail=detail, hint="Create it first.")
        if "job" in given and given["job"] not in called:
            detail = f"no live CRON job {given['job']!r} in this workspace"
            yield Fault(pointer=f"/{field_name}/job", detail=detail, hint="Create it first, in an earlier call.")


def _find_twin(item: _Item, taken: _Taken) -> None:
    """Find the job that the item's key created before."""
    twin = taken.twins.get(item.new.idempotency_key) if item.new.idempotency_key is not None else None
    if twin is None:
        return
    if twin["request_sha256"] == idempotency.digest(item.new).hex():
        item.twin_id = UUID(twin["job_id"])
    else:
        item.answer = idempotency.mismatch(f"job {twin['job_id']}", "/idempotency_key")


def _find_doubles(items: Sequence[_Item]) -> None:
    """Resolve duplicates: with the same key, later items become the first one or are rejected; with the same name, they
    are rejected."""
    by_key: dict[str, _Item] = {}
    by_name: dict[str, _Item] = {}
    for each in items:
        key, name = each.new.idempotency_key, each.new.name
        if key is not None and (first := by_key.setdefault(key, each)) is not each:
            if idempotency.digest(first.new) == idempotency.digest(each.new):
                each.same = first
            else:
                each.answer = idempotency.mismatch(f"/jobs/{first.place} of this batch", "/idempotency_key")
            continue
        if name is not None and (first := by_name.setdefault(name, each)) is not each:
            each.answer = errors.name_taken(f"/jobs/{first.place} of this batch has this name")


async def _judge(batch: _Batch, *, anew: bool) -> None:
    """Check local times, times that have passed, and schedules."""
    local_times = {each.place: asked for each in batch.open if (asked := _local_time(each.new)) is not None}
    shown = await schedules.shown_at_all(batch.view, list(local_times.values()))
    for each in batch.open:
        at = shown[local_times[each.place]] if each.place in local_times else each.new.run_at
        if isinstance(at, errors.KronosError):
            each.answer = at
            continue
        each.run_at = at
        if faults := new_jobs.past(each.new, at):
            each.answer = errors.Unprocessable.of(*faults)
    texts = {each.place: _schedule(each.new) for each in batch.open if each.new.trigger == "CRON"}
    read = await schedules.read_all(batch.view, list(texts.values()), anew=anew)
    for each in batch.open:
        if each.place in texts:
            judged = read[texts[each.place]]
            if isinstance(judged, errors.KronosError):
                each.answer = judged
            else:
                each.read = judged


async def _validate(batch: _Batch) -> None:
    """Validate inputs against the payload specs that their endpoints name now."""
    left: dict[tuple[UUID, int], list[_Item]] = {}
    for each in batch.open:
        if (bound := batch.specs.get(each.new.endpoint)) is not None and each.valid_for != bound:
            left.setdefault((bound.document_id, bound.version), []).append(each)
    effort = 0
    for items in left.values():
        spec = batch.specs[items[0].new.endpoint]
        wrong, effort = await payload_specs.of_many(batch.view, spec, [each.new.input for each in items], before=effort)
        for each, error in zip(items, wrong, strict=True):
            if error is not None:
                each.answer = error
            else:
                each.valid_for = batch.specs[each.new.endpoint]


def _bound(spec: JsonObject) -> Bound:
    return Bound(
        endpoint_id=UUID(spec["endpoint_id"]),
        document_id=UUID(spec["document_id"]),
        version=spec["version"],
        name=spec["name"],
    )


def _local_time(new: NewJob) -> schedules.AskedLocalTime | None:
    local = schedules.local_time(new.run_at)
    if local is None:
        return None
    return schedules.AskedLocalTime(local=local, timezone=new.timezone, dst_gap=new.dst_gap)


def _schedule(new: NewJob) -> schedules.AskedSchedule:
    return schedules.AskedSchedule(text=new_jobs.schedule_text(new), starts_at=new.starts_at, ends_at=new.ends_at)


async def _insert(batch: _Batch) -> None:
    """Create all open jobs in one transaction. Raises what PostgreSQL rejects; nothing was created then."""
    bare: list[_Item] = []
    cron: list[_Item] = []
    others: list[_Item] = []
    for each in batch.open:
        (cron if each.new.trigger == "CRON" else bare if new_jobs.is_its_execution(each.new) else others).append(each)
    statements: list[tuple[Statement[Any], dict[str, object]]] = []
    with Waking(may=bool(bare or others)) as wake:
        statements += _statement(batch, jobs.INSERT_CRON, cron)
        statements += _statement(batch, jobs.INSERT_ONE_SHOT_JOBS, others, wake=wake.is_wanted)
        ids = [job["job_id"] for _, params in statements for job in params["jobs"].obj]  # type: ignore[attr-defined]
        if bare:
            records = [
                {
                    "endpoint": each.new.endpoint,
                    "input": each.new.input,
                    "run_at": each.run_at,
                    "priority": each.new.priority,
                }
                for each in bare
            ]
            params = {"jobs": new_jobs.written(records), "wake": wake.is_wanted, "is_whole": batch.is_atomic}
            statements.append((_INSERT_BARE, params))
        if batch.is_atomic and ids:
            statements.append((_MATCH_BATCH, {"job_ids": ids}))
        found = await batch.view.write_all([*_validated(batch), *statements])
        wake.is_heard = True
    rows = [row for each in found for row in each]
    by_id = {row.job_id: row for row in rows if isinstance(row, Job)}
    for each, job_id in zip((*cron, *others), ids, strict=True):
        each.answer = by_id.get(job_id)
    for row in rows:
        if isinstance(row, OneShot):
            new = bare[row.nth - 1].new
            input = orjson.Fragment(orjson.dumps(new.input))  # serialized once, shown twice
            bare[row.nth - 1].answer = one_shots.document(
                row,
                workspace=batch.workspace,
                endpoint=new.endpoint,
                trigger=new.trigger,
                input=input,
                priority=new.priority,
                created_by=batch.view.creator,
            )


def _validated(batch: _Batch) -> Iterable[tuple[Statement[Any], dict[str, object]]]:
    """Yield the statement that names the payload specs against which inputs were validated, if there are any."""
    if specs := {bound.endpoint_id: bound for each in batch.open if (bound := each.valid_for) is not None}:
        yield payload_specs.ENTER_VALIDATED, {"validated": payload_specs.validated_each(specs.values())}


def _statement(
    batch: _Batch, insert: Statement[Any], items: Sequence[_Item], **more: object
) -> Iterable[tuple[Statement[Any], dict[str, object]]]:
    """Yield the statement that creates these jobs, if there are any."""
    if not items:
        return
    asked = [new_jobs.asked_of(batch.view, each.new, each.run_at, each.read, has_tick=True) for each in items]
    yield (
        insert,
        {
            "jobs": new_jobs.written([each.record for each in asked]),
            "endpoints": list({each.new.endpoint for each in asked}),
            "workspace": batch.view.workspace,
            "caller": batch.view.caller,
            **more,
        },
    )


async def _known(batch: _Batch) -> None:
    """Answer with the jobs that keys created before, as they are now, and with the duplicates within the batch."""
    twins = [each for each in batch.items if each.twin_id is not None and each.answer is None]
    if twins:
        found = await batch.view.rows(LIST_BY_IDS, {"ids": list({each.twin_id for each in twins})})
        by_id = {job.job_id: job for job in found}
        for each in twins:
            each.answer = by_id.get(each.twin_id) if each.twin_id else None
            if each.answer is None:
                each.answer = errors.Overtaken(f"the job that job {each.place}'s key created was deleted meanwhile")
    for each in batch.items:
        if each.same is not None and each.answer is None:
            each.answer = each.same.answer


def _refuse_together(batch: _Batch) -> None:
    """With `is_atomic`, raise one error for everything that is wrong, if anything is."""
    wrong = {
        **batch.faults,
        **{each.place: each.answer for each in batch.items if isinstance(each.answer, errors.KronosError)},
    }
    if batch.is_atomic and wrong:
        raise together(wrong)
