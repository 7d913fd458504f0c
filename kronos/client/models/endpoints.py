"""What the API answers: endpoints. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from kronos.client.bodies.words import EndpointType
from kronos.client.models.executions import Attempt, Execution


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where deliveries go, at its current version. `usage` of its limits, and of its workspace's, is
    current; null if there are none. `health.last_success_at` is the first success after a failure,
    null before there is one: an endpoint without failures does not record its successes, but its
    executions do."""

    endpoint_id: UUID
    workspace: str
    name: str
    title: str | None
    type: EndpointType
    version: int
    payload_spec: str | None
    config: str | None
    use: Literal["snapshot", "latest"]
    spec: dict[str, Any]
    retry_policy: dict[str, Any]
    max_in_flight: int | None
    signing_secrets: list[str]
    created_at: datetime
    updated_at: datetime
    on_disabled: Literal["WAIT", "SKIP"]
    health: dict[str, Any]
    limits: dict[str, Any]
    usage: dict[str, Any] | None
    group: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What would be sent: the endpoint's own headers, and the body as JSON; a GET has none. Secrets are
    masked; `secrets` lists their names."""

    method: str
    url: str
    headers: dict[str, str]
    body: Any
    secrets: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedEntry:
    """What would be added to a Redis stream: the endpoint's own fields. Secrets are masked; `secrets` lists
    their names."""

    redis_url: str
    stream: str
    fields: dict[str, str]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedRecord:
    """What would be sent to a Kafka topic: the endpoint's own headers, the key as text, and the value as
    JSON. Secrets are masked; `secrets` lists their names."""

    bootstrap_servers: list[str]
    topic: str
    headers: dict[str, str]
    key: str | None
    value: Any
    secrets: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key that signs an endpoint's deliveries. Receivers verify v1a signatures with `public_key`."""

    secret: str
    scheme: Literal["v1", "v1a"] | None
    public_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeys:
    """The keys that sign an endpoint's deliveries, the newest first."""

    data: list[SigningKey]


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
    """The effect of changing a payload spec: whether the change is allowed without force, how many live jobs
    were checked, and the first that it rejects. `more`: there are others, which were not searched
    for."""

    is_allowed: bool
    checked: int
    violations: list[Violation]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedDelivery:
    """A delivery that was requested by hand: its execution, and its attempt with what was sent and received.
    `attempt` is null while it is running, or if no worker claimed it in time."""

    execution: Execution
    attempt: Attempt | None
