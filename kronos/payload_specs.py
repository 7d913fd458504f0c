"""Inputs held against the payload specs that endpoints name, and what a change of a spec would do to live jobs.

Whether an input was validated is decided where it is written (kronos.is_validated): a statement for an endpoint with a
payload spec makes nothing unless its transaction says against which version the input was validated. So an endpoint
without one costs nothing here, and no process's memory is trusted.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import orjson

from kronos import documents, errors, payloads
from kronos.database import Params, WorkspaceView
from kronos.documents import PAYLOAD_SPEC
from kronos.errors import Fault
from kronos.kept import Cache
from kronos.model import Document, Json, JsonObject
from kronos.payloads import Validator
from kronos.sql import Statement, statement

Made = TypeVar("Made")
MOST_CHECKED, MOST_CHECKED_BYTES = 50_000, 16 * 1024 * 1024
MOST_VIOLATIONS = 20
MOST_LOOKS = 5
_AT_A_TIME = 200
_MOST_EFFORT_OF_MANY = 4 * payloads.MAX_EFFORT  # of one call's inputs together: 2.4 s at the most
_EFFORT_AT_A_TIME = 1_000_000  # between two of others' turns: 20 ms at the most, but of a single input


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """That a transaction says against what its inputs were validated."""

    validated: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecOf:
    """The payload spec that an endpoint names, at its present version."""

    document_id: UUID
    version: int
    name: str
    content: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The payload spec that an endpoint names, without what it says."""

    endpoint_id: UUID
    document_id: UUID
    version: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What a version of a payload spec says."""

    content: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedEndpoint:
    """The endpoint that is to name another payload spec."""

    endpoint_id: UUID
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InputCount:
    """How many live jobs' inputs there are, their bytes, and from where on a later look finds what this one may not
    see."""

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
    """A live job whose input a schema refuses: where in its input, and why."""

    job_id: UUID
    name: str | None
    endpoint: str
    pointer: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecVerdict:
    """What a change of a payload spec would mean: whether it can be made without force, how many live jobs were held
    against it, and the first that it refuses. `more`: there are others, which were not looked for."""

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

# Compiled schemas by id and version, which never change; the largest takes some 17 MiB.
_compiled: Cache[tuple[UUID, int], Validator] = Cache(budget=64 * 1024 * 1024, each=20 * 1024 * 1024)
# Which spec an endpoint named when it was last looked at: a hint that saves a look. Some 200 bytes each.
_named: Cache[tuple[str, str], tuple[UUID, int]] = Cache(budget=2 * 1024 * 1024, each=1024)


async def validated(view: WorkspaceView, endpoint: str, input: JsonObject, *, pointer: str = "/input") -> str | None:
    """Against what the input of something that is made for the endpoint was validated; None where nothing is known to
    be there. Costs a look into a dictionary where the endpoint names no payload spec. Raises Unprocessable."""
    if (known := _named.get((view.workspace, endpoint))) is None or (validator := _compiled.get(known)) is None:
        return None
    if validator.faults(input, pointer=pointer):
        return await look(view, endpoint, input, pointer=pointer)  # it may name another one since
    return _said(known)


async def look(view: WorkspaceView, endpoint: str, input: JsonObject, *, pointer: str = "/input") -> str | None:
    """The same after a look at the endpoint as it is now; None: it names none. Raises Unprocessable, with the pointers
    into the input."""
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
    """Whether the endpoint names a payload spec, or a version, against which nothing was validated yet."""
    spec = await view.one_or_none(_SPEC_OF, {"endpoint": endpoint})
    return spec is not None and _said((spec.document_id, spec.version)) != validated


async def made_validated(
    view: WorkspaceView, endpoint: str, input: JsonObject, make: Callable[[str | None], Awaitable[Made]]
) -> Made:
    """What `make` makes, which is given against what the input was validated. Once more where the endpoint names a
    payload spec that was not known here, or another version (Unvalidated). Raises Unprocessable, and as `make`."""
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
    """What is wrong with each input for an endpoint that names this payload spec, with pointers from /input; and the
    effort that this and what was `before` took. Beyond what one call may take, what is left is refused."""
    validator = await _validator(view, bound)
    if validator is None:  # the spec was deleted since: the statement that writes finds another, or none
        return [None] * len(inputs), before
    found: list[errors.Unprocessable | None] = []
    effort, turn_at = before, before + _EFFORT_AT_A_TIME
    for input in inputs:
        effort += validator.effort(input)
        if effort > _MOST_EFFORT_OF_MANY:
            detail = "the inputs of this call are too many, or too large, to be validated together"
            hint = f"Send fewer at once, or make the payload spec {bound.name!r} simpler."
            found.append(errors.Unprocessable.of(Fault(pointer="/input", detail=detail, hint=hint)))
            continue
        faults = validator.faults(input, pointer="/input")
        found.append(errors.Unprocessable.of(*faults) if faults else None)
        if effort > turn_at:
            turn_at = effort + _EFFORT_AT_A_TIME
            await asyncio.sleep(0)  # others' turn
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
    """For ENTER_VALIDATED: the inputs for each of several endpoints were validated against the spec that it names."""
    return f",{','.join(f'{each.endpoint_id}/{_said((each.document_id, each.version))}' for each in of)},"


def _said(key: tuple[UUID, int]) -> str:
    return f"{key[0]}:{key[1]}"


async def judge(
    view: WorkspaceView, validator: Validator, *, payload_spec: str | None = None, endpoint: str | None = None
) -> SpecVerdict:
    """What the schema makes of the live jobs of the endpoints that name the payload spec, or of one endpoint. Raises
    Conflict where they are too many to be looked at."""
    return (await judge_first(view, validator, payload_spec=payload_spec, endpoint=endpoint))[0]


async def judge_first(
    view: WorkspaceView, validator: Validator, *, payload_spec: str | None = None, endpoint: str | None = None
) -> tuple[SpecVerdict, int]:
    """The same, and for recent_judge from where on it has to look for what this may not have seen."""
    which = {"payload_spec": payload_spec, "endpoint": endpoint}
    (count,) = await view.rows(_COUNT, which)
    if count.jobs > MOST_CHECKED or count.bytes > MOST_CHECKED_BYTES:
        raise errors.Conflict(
            f"{count.jobs} live jobs with inputs of {count.bytes} bytes would have to be validated: at most "
            f"{MOST_CHECKED} with {MOST_CHECKED_BYTES} bytes are; ?force=true makes the change without a look at them",
            code="too_many_to_validate",
        )
    inputs = await view.rows(INPUTS, which | {"horizon": None, "limit": MOST_CHECKED + 1})
    violations: list[Violation] = []
    for first in range(0, len(inputs), _AT_A_TIME):
        violations += _violations(validator, inputs[first : first + _AT_A_TIME])
        if len(violations) > MOST_VIOLATIONS:
            break
        await asyncio.sleep(0)  # others' turn
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
        if faults := validator.faults(orjson.loads(each.input), pointer=""):
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
    """That live jobs have inputs which the change would refuse."""
    faults = tuple(
        Fault(
            pointer=each.pointer,
            detail=f"job {each.name or each.job_id} ({each.job_id}, endpoint {each.endpoint}): {each.detail}",
            hint="Change the job's input first, or send ?force=true: its runs go on as they are.",
        )
        for each in verdict.violations
    )
    many = "more than " if verdict.more else ""
    return errors.Conflict(
        f"{what}: the inputs of {many}{len(verdict.violations)} live jobs are not valid against it; "
        "?validate_only=true lists them",
        code="jobs_violate_payload_spec",
        faults=faults,
    )


def recent_judge(
    validator: Validator, horizon: int, *, payload_spec: str | None = None, endpoint: str | None = None, what: str
) -> tuple[dict[str, object], Callable[[Sequence[LiveInput]], None]]:
    """For WorkspaceView.judged_write: the parameters of INPUTS, and the judge of what `judge_first` may not have seen.

    It runs with the spec's or endpoint's row locked, so nothing can be made meanwhile.
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
    """The payload spec's next version, or its first; and whether it is new. Raises Unprocessable for a schema that is
    none, Conflict (jobs_violate_payload_spec) with the live jobs that it refuses unless it is forced,
    PreconditionFailed."""
    validator = payloads.compiled(schema)
    present = await view.one_or_none(documents.GET, {"kind": PAYLOAD_SPEC.kind, "name": name})
    if present is None:
        if must_exist:
            raise errors.PreconditionFailed(f"the payload spec {name!r} does not exist: If-Match finds nothing")
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
        raise errors.PreconditionFailed(f"the payload spec {name!r} was changed at the same time")
    return document[0], False
