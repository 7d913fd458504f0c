"""Validate inputs against the payload specs that endpoints name, and check changed specs against live jobs' inputs.

The database decides at the write whether an input was validated (kronos.is_validated): a statement for an endpoint with
a payload spec creates nothing unless its transaction states the version against which the input was validated. So an
endpoint without one has no cost here, and no process's memory is trusted.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar
from uuid import UUID

from kronos import documents, errors, payloads
from kronos.counting import plural
from kronos.database import Params, WorkspaceView
from kronos.documents import PAYLOAD_SPEC
from kronos.errors import Fault
from kronos.kept import Cache
from kronos.model import Document, Json, JsonObject
from kronos.payloads import Validator
from kronos.reading import json_value
from kronos.records import dataclass
from kronos.sql import Statement, statement

Made = TypeVar("Made")
MOST_CHECKED, MOST_CHECKED_BYTES = 50_000, 16 * 1024 * 1024
MOST_VIOLATIONS = 20
MOST_LOOKS = 5
_AT_A_TIME = 200
_MOST_EFFORT_OF_MANY = 4 * payloads.MAX_EFFORT  # of one call's inputs together: at most 2.4 s
_EFFORT_AT_A_TIME = 1_000_000  # until other requests get a turn: at most 20 ms, except for a single input


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """The version against which a transaction states that its inputs were validated."""

    validated: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecOf:
    """The payload spec that an endpoint names, at its current version."""

    document_id: UUID
    version: int
    name: str
    content: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The payload spec that an endpoint names, without its schema."""

    endpoint_id: UUID
    document_id: UUID
    version: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The schema of a version of a payload spec."""

    content: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedEndpoint:
    """The endpoint that is to name another payload spec, locked."""

    endpoint_id: UUID
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InputCount:
    """The number and total bytes of live jobs' inputs, and the horizon from which a later check finds jobs that this
    one may not see."""

    jobs: int
    bytes: int
    horizon: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveInput:
    """A live job's input, as text."""

    job_id: UUID
    name: str | None
    endpoint: str
    input: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A live job whose input a schema rejects: where in its input, and why."""

    job_id: UUID
    name: str | None
    endpoint: str
    pointer: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecVerdict:
    """The effect of changing a payload spec: whether the change is allowed without force, how many live jobs were
    checked, and the first that it rejects. `more`: there are others, which were not searched for."""

    is_allowed: bool
    checked: int
    violations: list[Violation]
    more: bool


ENTER_VALIDATED = statement("payload_specs.enter_validated", Validated)
_SPEC_OF = statement("payload_specs.find_spec_of", SpecOf)
_SCHEMA = statement("payload_specs.get_schema", Schema)
LOCK_ENDPOINT = statement("payload_specs.lock_endpoint", LockedEndpoint)
_COUNT = statement("payload_specs.count_inputs", InputCount)
INPUTS = statement("payload_specs.list_inputs", LiveInput)

# Compiled schemas by ID and version, which never change; the largest takes about 17 MiB.
_compiled: Cache[tuple[UUID, int], Validator] = Cache(budget=64 * 1024 * 1024, each=20 * 1024 * 1024)
# The spec that each endpoint named last: a hint that saves a query. About 200 bytes each.
_named: Cache[tuple[str, str], tuple[UUID, int]] = Cache(budget=2 * 1024 * 1024, each=1024)


async def validated(view: WorkspaceView, endpoint: str, input: JsonObject, *, pointer: str = "/input") -> str | None:
    """Return the version against which an input for the endpoint was validated; None if no payload spec of it is known
    here. For an endpoint without one this costs a dictionary lookup. Raises Unprocessable."""
    if (known := _named.get((view.workspace, endpoint))) is None or (validator := _compiled.get(known)) is None:
        return None
    if validator.faults(input, pointer=pointer):
        return await look(view, endpoint, input, pointer=pointer)  # it may name another spec by now
    return _said(known)


async def look(view: WorkspaceView, endpoint: str, input: JsonObject, *, pointer: str = "/input") -> str | None:
    """Like `validated`, but read the endpoint's current spec first; None: it names none. Raises Unprocessable, with
    pointers into the input."""
    spec = await view.one_or_none(_SPEC_OF, {"endpoint": endpoint})
    if spec is None:
        return None
    key = spec.document_id, spec.version
    if (validator := _compiled.get(key)) is None:
        validator = payloads.compiled(spec.content)
        _compiled.put(key, validator, validator.size)
    _named.put((view.workspace, endpoint), key, 200)
    if faults := validator.faults(input, pointer=pointer):
        what = errors.summary("input", tuple(faults))
        raise errors.Unprocessable(f"{what} (payload spec {spec.name!r})", faults=faults)
    return _said(key)


async def is_other(view: WorkspaceView, endpoint: str, validated: str | None) -> bool:
    """Return whether the endpoint names a payload spec, or a version, against which nothing was validated yet."""
    spec = await view.one_or_none(_SPEC_OF, {"endpoint": endpoint})
    return spec is not None and _said((spec.document_id, spec.version)) != validated


async def made_validated(
    view: WorkspaceView, endpoint: str, input: JsonObject, make: Callable[[str | None], Awaitable[Made]]
) -> Made:
    """Return the result of `make`, which gets the version against which the input was validated. Repeated if the
    endpoint names a spec or a version that was not known here (Unvalidated). Raises Unprocessable, and what `make`
    raises."""
    against = await validated(view, endpoint, input)
    for _ in range(MOST_LOOKS):
        try:
            return await make(against)
        except errors.Unvalidated:
            against = await look(view, endpoint, input)
    return await make(against)


async def of_many(
    view: WorkspaceView, bound: Bound, inputs: Sequence[JsonObject], *, before: int = 0
) -> tuple[list[errors.Unprocessable | None], int]:
    """Return the error of each input for an endpoint that names this payload spec, with pointers from /input, and the
    effort used, including `before`. Inputs beyond what one call may use are rejected."""
    validator = await _validator(view, bound)
    if validator is None:  # the spec was deleted meanwhile: the statement that writes finds another, or none
        return [None] * len(inputs), before
    found: list[errors.Unprocessable | None] = []
    effort, turn_at = before, before + _EFFORT_AT_A_TIME
    for input in inputs:
        effort += validator.effort(input)
        if effort > _MOST_EFFORT_OF_MANY:
            detail = "the inputs of this call are too many, or too large, to be validated together"
            hint = f"Send fewer inputs at a time, or make the payload spec {bound.name!r} simpler."
            found.append(errors.Unprocessable.of(Fault(pointer="/input", detail=detail, hint=hint)))
            continue
        faults = validator.faults(input, pointer="/input")
        found.append(errors.Unprocessable.of(*faults) if faults else None)
        if effort > turn_at:
            turn_at = effort + _EFFORT_AT_A_TIME
            await asyncio.sleep(0)  # let other tasks run
    return found, effort


async def _validator(view: WorkspaceView, bound: Bound) -> Validator | None:
    key = bound.document_id, bound.version
    if (validator := _compiled.get(key)) is None:
        schema = await view.one_or_none(_SCHEMA, {"document_id": bound.document_id, "version": bound.version})
        if schema is None:
            return None
        validator = payloads.compiled(schema.content)
        _compiled.put(key, validator, validator.size)
    return validator


def validated_each(of: Collection[Bound]) -> str:
    """Return the value for ENTER_VALIDATED: each endpoint's inputs were validated against the spec that it names."""
    return f",{','.join(f'{each.endpoint_id}/{_said((each.document_id, each.version))}' for each in of)},"


def _said(key: tuple[UUID, int]) -> str:
    return f"{key[0]}:{key[1]}"


async def judge(
    view: WorkspaceView, validator: Validator, *, payload_spec: str | None = None, endpoint: str | None = None
) -> SpecVerdict:
    """Check the schema against the inputs of live jobs whose endpoints name the payload spec, or of one endpoint.
    Raises Conflict if they are too many to check."""
    return (await judge_first(view, validator, payload_spec=payload_spec, endpoint=endpoint))[0]


async def judge_first(
    view: WorkspaceView, validator: Validator, *, payload_spec: str | None = None, endpoint: str | None = None
) -> tuple[SpecVerdict, int]:
    """Like `judge`, and return the horizon from which recent_judge has to check jobs that this may not have seen."""
    which = {"payload_spec": payload_spec, "endpoint": endpoint}
    (count,) = await view.rows(_COUNT, which)
    if count.jobs > MOST_CHECKED or count.bytes > MOST_CHECKED_BYTES:
        raise errors.Conflict(
            f"{count.jobs} live {plural(count.jobs, 'job')} with inputs of {count.bytes} bytes would "
            f"have to be validated; the limit is "
            f"{MOST_CHECKED} with {MOST_CHECKED_BYTES} bytes. force makes the change without checking them",
            code="too_many_to_validate",
        )
    inputs = await view.rows(INPUTS, which | {"horizon": None, "limit": MOST_CHECKED + 1})
    violations: list[Violation] = []
    for first in range(0, len(inputs), _AT_A_TIME):
        violations += _violations(validator, inputs[first : first + _AT_A_TIME])
        if len(violations) > MOST_VIOLATIONS:
            break
        await asyncio.sleep(0)  # let other tasks run
    return _verdict(violations, checked=len(inputs)), count.horizon


def _verdict(violations: Sequence[Violation], *, checked: int) -> SpecVerdict:
    return SpecVerdict(
        is_allowed=not violations,
        checked=checked,
        violations=list(violations[:MOST_VIOLATIONS]),
        more=len(violations) > MOST_VIOLATIONS,
    )


def _violations(validator: Validator, inputs: Sequence[LiveInput]) -> list[Violation]:
    found: list[Violation] = []
    for each in inputs:
        if faults := validator.faults(json_value(each.input), pointer=""):
            found.append(
                Violation(
                    job_id=each.job_id,
                    name=each.name,
                    endpoint=each.endpoint,
                    pointer=faults[0].pointer,
                    detail=faults[0].detail,
                )
            )
        if len(found) > MOST_VIOLATIONS:
            break
    return found


def refused(verdict: SpecVerdict, what: str) -> errors.Conflict:
    """Return the error for a change that rejects inputs of live jobs."""
    faults = tuple(
        Fault(
            pointer=each.pointer,
            detail=f"job {each.name or each.job_id} ({each.job_id}, endpoint {each.endpoint}): {each.detail}",
            hint="Change the job's input first, or force the change: its runs then continue with it unchanged.",
        )
        for each in verdict.violations
    )
    many = "more than " if verdict.more else ""
    return errors.Conflict(
        f"{what}: the inputs of {many}{len(verdict.violations)} live "
        f"{plural(len(verdict.violations), 'job')} are not valid against it; "
        "validate_only (--dry-run) lists them",
        code="jobs_violate_payload_spec",
        faults=faults,
    )


def recent_judge(
    validator: Validator, horizon: int, *, payload_spec: str | None = None, endpoint: str | None = None, what: str
) -> tuple[dict[str, object], Callable[[Sequence[LiveInput]], None]]:
    """Return for WorkspaceView.judged_write the parameters of INPUTS, and the check of jobs that `judge_first` may not
    have seen.

    It runs while the spec's or endpoint's row is locked, so no such job can be created meanwhile.
    """

    def decide(inputs: Sequence[LiveInput]) -> None:
        if violations := _violations(validator, inputs):
            raise refused(_verdict(violations, checked=len(inputs)), what)

    params: dict[str, object] = {
        "payload_spec": payload_spec,
        "endpoint": endpoint,
        "horizon": horizon,
        "limit": MOST_CHECKED,
    }
    return params, decide


async def replace(
    view: WorkspaceView,
    name: str,
    schema: Json,
    *,
    if_match: Collection[int] | None,
    if_none_match: Collection[int],
    must_exist: bool,
    force: bool,
) -> tuple[Document, bool]:
    """Store the payload spec's next version, or its first; return it, and whether it is new. Raises Unprocessable for
    an invalid schema, PreconditionFailed, and unless forced Conflict (jobs_violate_payload_spec) with the live jobs
    that it rejects."""
    validator = payloads.compiled(schema)
    present = await view.one_or_none(documents.GET, {"kind": PAYLOAD_SPEC.kind, "name": name})
    if present is None:
        if must_exist:
            raise errors.PreconditionFailed(f"the payload spec {name!r} does not exist, so If-Match cannot match")
        return await documents.create(view, PAYLOAD_SPEC, name, schema)
    documents.refuse_condition(PAYLOAD_SPEC, present, if_match=if_match, known=if_none_match)
    what = f"the payload spec {name!r} cannot be changed"
    recent: tuple[Statement[LiveInput], Params, Callable[[Sequence[LiveInput]], None]] | None = None
    if not force:
        verdict, horizon = await judge_first(view, validator, payload_spec=name)
        if not verdict.is_allowed:
            raise refused(verdict, what)
        recent = INPUTS, *recent_judge(validator, horizon, payload_spec=name, what=what)
    params = documents.replacing(PAYLOAD_SPEC, name, schema, if_match=if_match, if_none_match=if_none_match)
    written, document = await view.judged_write(
        (documents.LOCK, params),
        recent,
        (documents.REPLACE, params),
        (documents.GET, params),
    )
    if not written:
        if not document:
            raise documents.not_found(view, PAYLOAD_SPEC, name)
        raise errors.PreconditionFailed(f"the payload spec {name!r} was changed at the same time: try again")
    return document[0], False
