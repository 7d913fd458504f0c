"""Try out an endpoint: render what would be sent for an input, or make one delivery now.

The delivery is an execution that a worker delivers like any other. So it uses the same transport, guard and network,
and secrets that only workers read, and it appears in the history. It is attempted once. The caller waits for the result
with no transaction open. If no worker claims it in time, it is cancelled rather than delivered later.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from kronos import documents, endpoint_checks, endpoints, errors, executions, idempotency, payload_specs
from kronos.database import WorkspaceView
from kronos.delivery import messages, template
from kronos.delivery.destinations import MAX_MESSAGE_BYTES, Message
from kronos.delivery.refused import Refused
from kronos.documents import CONFIG
from kronos.model import Attempt, Endpoint, EndpointType, Execution, Json, JsonObject
from kronos.records import dataclass
from kronos.server_time import CLOCK
from kronos.sql import statement

LONGEST_WAIT_SECONDS = 25.0
# Callers that wait concurrently in this process; each holds a request and polls twice a second. Beyond the second
# number each workspace may have only one, so that no workspace blocks another's callers.
_MOST_OF_A_WORKSPACE, _MOST = 4, 16
_CLAIM_SECONDS = 3.0  # in addition to the endpoint's timeout: for a worker to claim it and to store the result
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.03, 0.5
_MASK = "***"
_SAMPLE = UUID("00000000-0000-7000-8000-000000000000")
_RENDERER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="renders")
_waiting: dict[str, int] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The execution to render."""

    input: JsonObject
    job_name: str | None = None
    timezone: str = "UTC"
    scheduled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What would be sent: the endpoint's own headers, and the body as JSON; a GET has none. Secrets are masked;
    `secrets` lists their names."""

    method: str
    url: str
    headers: dict[str, str]
    body: Json
    secrets: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedEntry:
    """What would be added to a Redis stream: the endpoint's own fields. Secrets are masked; `secrets` lists their
    names."""

    redis_url: str
    stream: str
    fields: dict[str, str]
    secrets: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedRecord:
    """What would be sent to a Kafka topic: the endpoint's own headers, the key as text, and the value as JSON. Secrets
    are masked; `secrets` lists their names."""

    bootstrap_servers: list[str]
    topic: str
    headers: dict[str, str]
    key: str | None
    value: Json
    secrets: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedMail:
    """What would be sent by e-mail. Secrets are masked; `secrets` lists their names."""

    smtp_url: str
    sender: str
    to: list[str]
    subject: str
    text: str
    secrets: list[str]


AnyRendered = Rendered | RenderedEntry | RenderedRecord | RenderedMail


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedDelivery:
    """A delivery that was requested by hand: its execution, and its attempt with what was sent and received. `attempt`
    is null while it is running, or if no worker claimed it in time."""

    execution: Execution
    attempt: Attempt | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalText:
    """An instant as a zone's clocks show it."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """The execution that a test created."""

    execution_id: UUID


_LOCAL = statement("endpoints.read_local_text", LocalText)
_TEST = statement("endpoints.trigger_test", Tested)


async def render(view: WorkspaceView, name: str, sample: Sample) -> AnyRendered:
    """Return what the endpoint would send. Raises EndpointNotFound, Unprocessable if the input is invalid or nothing
    could be sent for it."""
    endpoint = await endpoints.get(view, name)
    await payload_specs.look(view, name, sample.input)
    at = sample.scheduled_at or CLOCK.now()
    (local,) = await view.rows(_LOCAL, {"at": at, "timezone": sample.timezone})
    config = (await documents.get(view, CONFIG, endpoint.config)).content if endpoint.config is not None else {}
    secrets = sorted({name.rest for _, name in endpoint_checks.names_in(endpoint.spec) if name.root == "secret"})
    context = {
        "input": sample.input,
        "config": config,
        "secret": dict.fromkeys(secrets, _MASK),
        "job": {"id": str(_SAMPLE), "name": sample.job_name},
        "execution": {"id": str(_SAMPLE), "attempt": 1, "cause": "API"},
        "scheduled_at": template.utc_text(at),
        "scheduled_local": local.text,
    }
    run = asyncio.get_running_loop().run_in_executor
    return await run(_RENDERER, _rendered, endpoint, context, secrets)


def _rendered(endpoint: Endpoint, context: JsonObject, secrets: list[str]) -> AnyRendered:
    try:
        return _RENDER[endpoint.type](endpoint.spec, context, secrets)
    except Refused as refused:
        detail = f"nothing can be sent: {refused.message}"
        detail += f", at {refused.pointer}" if refused.pointer else ""
        hint = refused.hint or "Add what the endpoint's templates name to the input, or a | default: to the template."
        raise errors.Unprocessable.of(errors.Fault(pointer="/input", detail=detail, hint=hint)) from None


@contextmanager
def _at(member: str) -> Iterator[None]:
    """Add the member's pointer to a Refused error."""
    try:
        yield
    except Refused as refused:
        refused.pointer = f"/spec/{member}{refused.pointer}"
        raise


def _request(spec: JsonObject, context: JsonObject, secrets: list[str]) -> Rendered:
    with _at("url"):
        url = template.render_url(spec["url"], context)
    with _at("headers"):
        headers = template.render_headers(spec.get("headers") or {}, context)
    with _at("body_template"):
        own = spec.get("body_template")
        body = context["input"] if own is None else template.render(own, context)
    method = spec.get("method", "POST")
    return Rendered(method=method, url=url, headers=headers, body=None if method == "GET" else body, secrets=secrets)


def _entry(spec: JsonObject, context: JsonObject, secrets: list[str]) -> RenderedEntry:
    message = _sendable(messages.entry(spec, context), spec, context)
    return RenderedEntry(
        redis_url=spec["redis_url"], stream=spec["stream"], fields=_texts(message.pairs), secrets=secrets
    )


def _record(spec: JsonObject, context: JsonObject, secrets: list[str]) -> RenderedRecord:
    message = _sendable(messages.record(spec, context), spec, context)
    own = spec.get("value_template")
    return RenderedRecord(
        bootstrap_servers=spec["bootstrap_servers"],
        topic=spec["topic"],
        headers=_texts(message.pairs),
        key=None if message.key is None else message.key.decode(),
        value=context["input"] if own is None else template.render(own, context),
        secrets=secrets,
    )


def _mail(spec: JsonObject, context: JsonObject, secrets: list[str]) -> RenderedMail:
    message = _sendable(messages.mail(spec, context), spec, context)
    return RenderedMail(
        smtp_url=spec["smtp_url"],
        sender=spec["sender"],
        to=spec["to"],
        subject=_texts(message.pairs)["Subject"],
        text=message.value.decode(),
        secrets=secrets,
    )


_RENDER: dict[EndpointType, Callable[[JsonObject, JsonObject, list[str]], AnyRendered]] = {
    "HTTP": _request,
    "REDIS_STREAM": _entry,
    "KAFKA": _record,
    "EMAIL": _mail,
}


def _sendable(message: Message, spec: JsonObject, context: JsonObject) -> Message:
    """Return the message if it is not too large and the broker's credentials can be rendered. Raises Refused."""
    for member in ("username", "password", "sasl", "tls"):
        with _at(member):
            template.render(spec.get(member), context)
    if message.bytes > MAX_MESSAGE_BYTES:
        why = f"the message has {message.bytes} bytes; at most {MAX_MESSAGE_BYTES} are allowed"
        raise Refused("too_large", why, hint="Store the data elsewhere, and pass its address.")
    return message


def _texts(pairs: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    return {name: value.decode() for name, value in pairs}


async def deliver(
    view: WorkspaceView, name: str, input: JsonObject, *, idempotency_key: str | None = None
) -> tuple[TriedDelivery, bool]:
    """Make one delivery now. Return its result, as far as it is known in time, and whether this call made it.

    Raises EndpointNotFound, Conflict (endpoint_disabled: no worker would claim it), Unprocessable, RateLimited,
    WorkspaceSuspended.
    """
    with _place(view.workspace):
        endpoint = await endpoints.get(view, name)
        key = idempotency.key("test", idempotency_key, name, input)
        seconds = min(endpoint.spec.get("timeout_ms", 0) / 1000 + _CLAIM_SECONDS, LONGEST_WAIT_SECONDS)

        async def known(execution_id: UUID) -> UUID:
            return execution_id

        execution_id, is_new = await idempotency.once(
            view, key, lambda: _made(view, endpoint, input, seconds, key), known
        )
        return await _awaited(view, execution_id, seconds), is_new


async def _made(
    view: WorkspaceView, endpoint: Endpoint, input: JsonObject, seconds: float, key: idempotency.Key | None
) -> UUID:
    name = endpoint.name
    if endpoint.health.get("state") == "DISABLED":
        raise errors.Conflict(
            f"endpoint {name!r} is disabled ({(endpoint.health.get('reason') or {}).get('code')}), so nothing is "
            "delivered to it: enable it, then test it; render shows what would be sent",
            code="endpoint_disabled",
        )

    async def make(validated: str | None) -> UUID:
        params = {
            "name": name,
            "input": Jsonb(input),
            "validated": validated or "",
            "seconds": seconds,
            **idempotency.params(key),
        }
        if (tested := await view.one_or_none(_TEST, params)) is not None:
            return tested.execution_id
        if (workspace := await view.enter()).status != "ACTIVE":
            raise errors.WorkspaceSuspended(view.workspace, workspace.status, "deliveries")
        await endpoints.get(view, name)
        raise errors.Unvalidated(f"the payload spec of endpoint {name!r} was changed at the same time: try again")

    return await payload_specs.made_validated(view, name, input, make)


async def _awaited(view: WorkspaceView, execution_id: UUID, seconds: float) -> TriedDelivery:
    until, pause = time.monotonic() + seconds, _FIRST_PAUSE_SECONDS
    while (execution := await executions.get(view, execution_id)).completed_at is None:
        if time.monotonic() >= until:
            return TriedDelivery(execution=await executions.cancel_waiting(view, execution_id), attempt=None)
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
    attempts = await executions.attempts(view, execution_id, limit=1, after=0)
    return TriedDelivery(execution=execution, attempt=attempts[0] if attempts else None)


@contextmanager
def _place(workspace: str) -> Iterator[None]:
    """Hold one of the places for waiting callers. Raises RateLimited."""
    own = _waiting.get(workspace, 0)
    most = _MOST_OF_A_WORKSPACE if sum(_waiting.values()) < _MOST else 1
    if own >= most:
        raise errors.RateLimited(
            f"{own} test deliveries of this workspace are running; at most {most} may run right now: "
            "try again when one has ended"
        )
    _waiting[workspace] = own + 1
    try:
        yield
    finally:
        if (left := _waiting[workspace] - 1) > 0:
            _waiting[workspace] = left
        else:
            del _waiting[workspace]
