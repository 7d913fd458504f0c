"""Create, change, read and delete endpoints, the destinations of deliveries. A change makes a new version; existing
executions keep theirs."""

from collections.abc import Collection
from dataclasses import asdict, field
from dataclasses import replace as replace_fields
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from kronos import endpoint_checks, errors, idempotency, payload_specs, payloads
from kronos.database import PAGE_BYTES, WorkspaceView
from kronos.endpoint_checks import Named
from kronos.model import Endpoint, EndpointType, JobStatus, Json, JsonObject, ListedEndpoint, OnDisabled, VersionUse
from kronos.payload_specs import SpecVerdict
from kronos.records import dataclass
from kronos.sql import Statement, statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The endpoint and version that a statement wrote."""

    endpoint_id: UUID
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedEndpoint:
    """The version that a change is conditional on; None: no condition, or the endpoint does not exist."""

    version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDeletion:
    """Whether an endpoint was deleted; None: it does not exist."""

    is_deleted: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointCallers:
    """The live jobs whose callbacks name an endpoint, and the alert rules that notify it, as text; None: there are
    none."""

    callers: str | None
    rules: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """Whether the endpoint to enable or disable exists."""

    is_there: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointUser:
    """A live CRON job that delivers to an endpoint. `total`: how many such jobs there are, counted up to 1,001."""

    job_id: UUID
    name: str | None
    status: JobStatus
    description: str
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """When and how a failed delivery is retried. Stored with each version (sql/schema/endpoints.sql)."""

    max_attempts: int = 5
    backoff: str = "exponential"
    initial_delay_ms: int = 1_000
    max_delay_ms: int = 60_000
    max_retry_after_seconds: int = 3600  # upper limit for a receiver's Retry-After
    max_crashes: int = 3  # leases that may expire before the execution fails; 0: delivered at most once
    jitter: str = "partial"
    delays_ms: list[int] | None = None
    max_age_seconds: int | None = None
    retryable_status_codes: list[int] | None = None
    permanent_status_codes: list[int] = field(default_factory=list)
    slow_down_status_codes: list[int] = field(default_factory=lambda: [429, 503])
    retry_unknown: bool = True
    disable_after_seconds: int | None = None
    disable_after_attempts: int = 10
    probe_seconds: int | None = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How many deliveries may begin per period, and `burst`: how many at the same moment after a quiet time."""

    count: int
    per_seconds: int
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLimit:
    """How many executions with the same key are delivered concurrently. `template` computes the key from the input;
    `parts` is the template in the form that PostgreSQL evaluates."""

    template: str
    parts: list[Json]
    max_concurrency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEndpoint:
    """An endpoint as a caller describes it."""

    name: str
    type: EndpointType
    spec: JsonObject
    timeout_ms: int
    retry_policy: RetryPolicy
    max_in_flight: int | None = None
    title: str | None = None
    payload_spec: str | None = None
    config: str | None = None
    use: VersionUse = "snapshot"
    secrets: tuple[str, ...] = ()
    signing_secrets: tuple[str, ...] = ()
    on_disabled: OnDisabled = "WAIT"
    rate: Rate | None = None
    group: str | None = None
    key_limit: KeyLimit | None = None


_INSERT = statement("endpoints.insert_endpoint", Written)
_REPLACE = statement("endpoints.replace_endpoint", Written)
_GET = statement("endpoints.get_endpoint", Endpoint)
_LIST = statement("endpoints.list_endpoints", ListedEndpoint)
_USERS = statement("endpoints.list_users", EndpointUser)
_MATCH = statement("endpoints.match_endpoint", MatchedEndpoint)
_DELETE = statement("endpoints.delete_endpoint", EndpointDeletion)
_CALLERS = statement("endpoints.get_callers", EndpointCallers)
_ENABLE = statement("endpoints.enable_endpoint", Switched)
_DISABLE = statement("endpoints.disable_endpoint", Switched)
_PLAIN = RetryPolicy()
_ALWAYS = ("max_attempts", "backoff", "initial_delay_ms", "max_delay_ms", "max_retry_after_seconds", "max_crashes")
_LATER_MEMBERS = ("connect_timeout_ms", "idle_timeout_ms")
_MOST_LOOKS = 5  # reads of what it names, each because that was changed at the same time


async def create(view: WorkspaceView, new: NewEndpoint, *, idempotency_key: str | None = None) -> tuple[Endpoint, bool]:
    """Create an endpoint. Return it, and whether it is new. Raises Conflict if the name is taken, Unprocessable
    (idempotency_mismatch), OutcomeUnknown.

    Raises EndpointNotFound if the endpoint that the idempotency key created was deleted, even if its name is in use
    again.
    """
    key = idempotency.key("endpoint", idempotency_key, _asked(new))
    return await idempotency.once(view, key, lambda: _create(view, new, key), lambda made: _made(view, new.name, made))


def _asked(new: NewEndpoint) -> NewEndpoint:
    """Return what identifies the request. Null members of the spec that the previous release did not have are left out,
    so that its idempotency keys still match."""
    said = {name: value for name, value in new.spec.items() if name not in _LATER_MEMBERS or value is not None}
    return replace_fields(new, spec=said)


async def _made(view: WorkspaceView, name: str, endpoint_id: UUID) -> Endpoint:
    endpoint = await view.one_or_none(_GET, {"name": name})
    if endpoint is None or endpoint.endpoint_id != endpoint_id:
        raise errors.EndpointNotFound(
            f"the endpoint {name!r} that this idempotency key created was deleted: use a new key to create another"
        )
    return endpoint


async def _create(view: WorkspaceView, new: NewEndpoint, key: idempotency.Key | None) -> Endpoint:
    for _ in range(_MOST_LOOKS):
        named = await _checked(view, new)
        written, endpoint = await view.write_then_read(
            _INSERT, {**_params(new, named), **idempotency.params(key)}, _GET, {"name": new.name}
        )
        if written or endpoint:
            break  # otherwise something that it names was changed at the same time
    if not written:
        raise errors.Conflict(
            f"the endpoint {new.name!r} already exists",
            faults=(
                errors.Fault(
                    pointer="/name",
                    detail="an endpoint has this name",
                    hint="Choose another name, or change that endpoint.",
                ),
            ),
        )
    return endpoint[0]


async def replace(
    view: WorkspaceView,
    new: NewEndpoint,
    *,
    if_match: Collection[int] | None = None,
    if_none_match: Collection[int] = (),
    must_exist: bool = False,
    force: bool = False,
) -> tuple[Endpoint, bool]:
    """Write the endpoint's next version, or its first. Return it, and whether it is new. It replaces only a version in
    `if_match` (None: any) and none in `if_none_match`. With `must_exist` it does not create an endpoint.

    Raises Conflict if its type would change. Unless forced, also raises Conflict (jobs_violate_payload_spec) if it
    would name a payload spec that rejects inputs of its live jobs. Raises PreconditionFailed, Unprocessable.
    """
    conditions: dict[str, object] = {
        "if_match": None if if_match is None else list(if_match),
        "if_none_match": list(if_none_match),
    }
    for _ in range(_MOST_LOOKS):
        named = await _checked(view, new)
        written, endpoint = await _replace(view, new, named, conditions, force=force)
        if written:
            return endpoint[0], False
        if not endpoint or endpoint[0].type != new.type or _is_excluded(endpoint[0], if_match, if_none_match):
            break  # otherwise something that it names was changed at the same time
    if endpoint and endpoint[0].type != new.type:
        raise errors.Conflict(f"the endpoint {new.name!r} is of type {endpoint[0].type}: its type cannot change")
    if endpoint:
        raise errors.PreconditionFailed(
            f"the endpoint {new.name!r} is already at version {endpoint[0].version}, which the precondition excludes"
        )
    if must_exist:
        raise errors.PreconditionFailed(f"the endpoint {new.name!r} does not exist, so If-Match cannot match")
    return await _create(view, new, None), True


def _is_excluded(present: Endpoint, if_match: Collection[int] | None, if_none_match: Collection[int]) -> bool:
    return present.version in if_none_match or (if_match is not None and present.version not in if_match)


async def _replace(
    view: WorkspaceView, new: NewEndpoint, named: Named, conditions: dict[str, object], *, force: bool
) -> tuple[list[Written], list[Endpoint]]:
    params = _params(new, named) | conditions
    if named.payload_spec is None or force:
        return await view.write_then_read(_REPLACE, params, _GET, {"name": new.name})
    present = await view.one_or_none(_GET, {"name": new.name})
    if present is None or present.payload_spec == new.payload_spec:
        return await view.write_then_read(_REPLACE, params, _GET, {"name": new.name})
    validator = payloads.compiled(named.payload_spec.content, pointer="/payload_spec")
    what = f"the endpoint {new.name!r} cannot name the payload spec {new.payload_spec!r}"
    verdict, horizon = await payload_specs.judge_first(view, validator, endpoint=new.name)
    if not verdict.is_allowed:
        raise payload_specs.refused(verdict, what)
    recent, decide = payload_specs.recent_judge(validator, horizon, endpoint=new.name, what=what)
    return await view.judged_write(
        (payload_specs.LOCK_ENDPOINT, params),
        (payload_specs.INPUTS, recent, decide),
        (_REPLACE, params),
        (_GET, {"name": new.name}),
    )


async def check(view: WorkspaceView, new: NewEndpoint) -> SpecVerdict:
    """Return the payload spec's verdict on what `replace` would do, without writing. Raises Unprocessable, Conflict."""
    named = await _checked(view, new)
    present = await view.one_or_none(_GET, {"name": new.name})
    if named.payload_spec is None or present is None:
        return SpecVerdict(is_allowed=True, checked=0, violations=[], more=False)
    validator = payloads.compiled(named.payload_spec.content, pointer="/payload_spec")
    return await payload_specs.judge(view, validator, endpoint=new.name)


async def _checked(view: WorkspaceView, new: NewEndpoint) -> Named:
    """Return the config and payload spec that it names. Raises Unprocessable if one does not exist, or if a template
    names something invalid."""
    named = await endpoint_checks.named(view, config=new.config, payload_spec=new.payload_spec)
    key = new.key_limit.template if new.key_limit else None
    await endpoint_checks.require_sound(view, new.spec, named, concurrency_key=key)
    return named


async def get(view: WorkspaceView, name: str) -> Endpoint:
    """Return the endpoint. Raises EndpointNotFound."""
    if (endpoint := await view.one_or_none(_GET, {"name": name})) is None:
        raise errors.EndpointNotFound(f"no endpoint {name!r} in workspace {view.workspace}")
    return endpoint


async def list_page(view: WorkspaceView, *, limit: int, before: tuple[datetime, UUID] | None) -> list[ListedEndpoint]:
    """Return up to `limit` endpoints, newest first, after the position `before`; fewer if they exceed PAGE_BYTES."""
    created_at, endpoint_id = before or (None, None)
    return await view.rows(
        _LIST, {"limit": limit, "bytes": PAGE_BYTES, "before_created_at": created_at, "before_id": endpoint_id}
    )


async def users(view: WorkspaceView, name: str, *, limit: int) -> list[EndpointUser]:
    """Return up to `limit` live CRON jobs that deliver to the endpoint, newest first, each with the total count."""
    return await view.rows(_USERS, {"name": name, "limit": limit})


async def delete(view: WorkspaceView, name: str, *, if_match: Collection[int] | None = None) -> None:
    """Delete an endpoint that nothing uses. Raises EndpointNotFound, Conflict (endpoint_in_use), PreconditionFailed."""
    params = {"name": name, "if_match": None if if_match is None else list(if_match)}
    _, (deletion,) = await view.write_then_read(_MATCH, params, _DELETE, params)
    if deletion.is_deleted is None:
        raise errors.EndpointNotFound(f"no endpoint {name!r} in workspace {view.workspace}")
    if not deletion.is_deleted:
        (named,) = await view.rows(_CALLERS, {"name": name})
        if named.callers is not None:
            detail = f"the endpoint {name!r} is named by the callbacks of these live jobs: {named.callers}"
            hint = "Name another endpoint in their on_success and on_failure, or remove those callbacks."
            fault = errors.Fault(pointer="", detail=detail, hint=hint)
            raise errors.Conflict(detail, code="endpoint_in_use", faults=(fault,))
        if named.rules is not None:
            detail = f"the endpoint {name!r} receives alerts from these alert rules: {named.rules}"
            fault = errors.Fault(pointer="", detail=detail, hint="Notify another endpoint in them, or delete them.")
            raise errors.Conflict(detail, code="endpoint_in_use", faults=(fault,))
        raise errors.Conflict(
            f"the endpoint {name!r} has live jobs or unfinished executions: …/jobs?endpoint={name} lists the jobs; "
            "delete them or give them another endpoint, and cancel their executions or let them end",
            code="endpoint_in_use",
        )


async def enable(view: WorkspaceView, name: str) -> Endpoint:
    """Resume deliveries to the endpoint, whatever stopped them; an enabled endpoint stays as it is. Raises
    EndpointNotFound."""
    return await _switched(view, name, _ENABLE, {"name": name})


async def disable(view: WorkspaceView, name: str, *, actor: str, note: str | None) -> Endpoint:
    """Stop deliveries to the endpoint until it is enabled by hand. If a person has already disabled it, the earlier
    reason is kept. Raises EndpointNotFound."""
    return await _switched(view, name, _DISABLE, {"name": name, "actor": actor, "note": note})


async def _switched(view: WorkspaceView, name: str, switch: Statement[Switched], params: dict[str, object]) -> Endpoint:
    _, endpoint = await view.write_then_read(switch, params, _GET, {"name": name})
    if not endpoint:
        raise errors.EndpointNotFound(f"no endpoint {name!r} in workspace {view.workspace}")
    return endpoint[0]


def _params(new: NewEndpoint, named: Named) -> dict[str, object]:
    policy = new.retry_policy
    return {
        "config": new.config,
        "config_version": named.config.version if named.config else None,
        "payload_spec": new.payload_spec,
        "payload_spec_version": named.payload_spec.version if named.payload_spec else None,
        "use": new.use,
        "name": new.name,
        "title": new.title,
        "type": new.type,
        "spec": Jsonb(new.spec),
        "retry_policy": Jsonb(_stored(policy)),
        "timeout_ms": new.timeout_ms,
        "max_attempts": policy.max_attempts,
        # It is not known either whether a lost attempt arrived.
        "max_crashes": policy.max_crashes if policy.retry_unknown else 0,
        "max_in_flight": new.max_in_flight,
        "group": new.group,
        "secrets": list(new.secrets),
        "signing_secrets": list(new.signing_secrets),
        "on_disabled": new.on_disabled,
        "rate_count": new.rate.count if new.rate else None,
        "rate_seconds": new.rate.per_seconds if new.rate else None,
        "rate_burst": new.rate.burst if new.rate else None,
        "key_template": new.key_limit.template if new.key_limit else None,
        "key_parts": Jsonb(new.key_limit.parts) if new.key_limit else None,
        "key_max": new.key_limit.max_concurrency if new.key_limit else None,
    }


def _stored(policy: RetryPolicy) -> JsonObject:
    """Return the policy as sql/schema/endpoints.sql stores it. Default values that older releases do not know are left
    out, because a worker of the previous release rejects, for example, a jitter given as a word. endpoint_details fills
    them in."""
    return {name: value for name, value in asdict(policy).items() if name in _ALWAYS or value != getattr(_PLAIN, name)}
