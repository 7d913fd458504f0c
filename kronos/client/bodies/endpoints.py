"""What the API takes: endpoints. Made by bin/client out of the API's document."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Required, TypedDict


class BrokerTls(TypedDict, total=False):
    """TLS with a broker, in PEM: authorities to trust in addition to the system's, and a client certificate."""

    ca_certificate: str | None
    """Additional trusted authority."""
    client_certificate: str | None
    """Certificate shown to the broker."""
    client_key: str | None
    """Key of the client certificate: a template with a secret."""


class EmailSpec(TypedDict, total=False):
    """An e-mail sent through an SMTP server. Texts may contain templates such as {{input.text}}."""

    smtp_url: Required[str]
    """smtp://host:587, or smtps://host:465 for TLS from the start, without a user name or password."""
    starttls: bool
    """For smtp://: negotiate TLS with STARTTLS first. If that fails, nothing is sent."""
    username: str | None
    """User name; null: do not log in."""
    password: str | None
    """A template with a secret."""
    sender: Required[str]
    """Sender address."""
    to: Required[Sequence[str]]
    """Recipient addresses."""
    subject_template: str | None
    """Subject. Defaults to the input's `text`, or to Kronos."""
    text_template: Any
    """Message text. Defaults to the input as JSON."""
    tls: BrokerTls | None
    """TLS settings."""
    timeout_ms: int
    """Time limit of the whole delivery, in milliseconds."""
    connect_timeout_ms: int
    """Time limit for a new connection, within `timeout_ms`."""


class RetryPolicyBody(TypedDict, total=False):
    """What happens after a failed attempt. `max_delay_ms` must be at least `initial_delay_ms`."""

    max_attempts: int
    """Total attempts."""
    backoff: Literal["fixed", "linear", "exponential"]
    """How the delay grows between attempts."""
    initial_delay_ms: int
    """Delay after the end of the first attempt."""
    max_delay_ms: int
    """Longest delay."""
    max_retry_after_seconds: int
    """Longest Retry-After that is honored, in seconds; 0 ignores Retry-After."""
    max_crashes: int
    """How many attempts may be lost because their worker died. 0: deliver at most once."""
    jitter: Literal["none", "partial", "full"]
    """How delays are randomized. `partial`: up to a fifth longer (the longest delay: up to a fifth shorter).
    `full`: anything from 0 to the delay. `none`: not at all."""
    delays_ms: Sequence[int] | None
    """The delays, one per retry, instead of `backoff`, `initial_delay_ms` and `max_delay_ms`. The last delay
    repeats."""
    max_age_seconds: int | None
    """No further attempt is made once the execution has been due for this long."""
    retryable_status_codes: Sequence[int] | None
    """Status codes to retry, and no others. Defaults to 408, 425, 429 and 500 to 599."""
    permanent_status_codes: Sequence[int]
    """Status codes never to retry, for example one of the default retryable codes."""
    slow_down_status_codes: Sequence[int]
    """Status codes that pause all deliveries to the endpoint: for as long as their Retry-After asks, at most
    an hour, or for the first delay. Then one delivery is tried first."""
    retry_unknown: bool
    """Whether to retry an attempt that was sent but whose response is unknown. false: such an execution ends
    as FAILED instead of being sent twice."""
    disable_after_seconds: int | None
    """Disable the endpoint after its deliveries have only failed for this many seconds; null: never."""
    disable_after_attempts: int
    """Minimum attempts before that rule applies."""
    probe_seconds: int | None
    """How often to try one delivery to an endpoint that this rule disabled. The first success enables it.
    null: only enabled by hand."""


class RateBody(TypedDict, total=False):
    """How many deliveries may start, including retries: a token bucket, exact across all workers."""

    count: Required[int]
    """Deliveries per `per_seconds`, evenly spaced."""
    per_seconds: int
    """Defaults to one second."""
    burst: int | None
    """Deliveries that may start together after a quiet period. Beyond the burst, no period gets more than
    its share. Defaults to what the rate allows in 50 ms, at least 1."""


class LimitsBody(TypedDict, total=False):
    """Limits on deliveries. A delivery that waits starts as soon as there is room; waiting uses up no
    attempt."""

    max_in_flight: int | None
    """Same as the endpoint's `max_in_flight`."""
    rate: RateBody | None
    """How many deliveries may start per period; null: no limit."""
    concurrency_key: str | None
    """A template over the input. Of deliveries with the same resulting text, at most
    `max_concurrency_per_key` run at the same time. Inputs without the value share one key. null: no
    limit."""
    max_concurrency_per_key: int | None
    """Maximum deliveries in flight per concurrency key, enforced exactly. Defaults to 1 if `concurrency_key`
    is given."""


class HttpSpec(TypedDict, total=False):
    """An HTTP request. Texts may contain templates such as {{input.report.id}}."""

    url: Required[str]
    """Absolute http or https URL."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    """HTTP method."""
    headers: Mapping[str, str]
    """Headers in addition to those that Kronos sends."""
    body_template: Any
    """Request body. Defaults to the job's input."""
    timeout_ms: int
    """Time limit of the whole request, in milliseconds."""
    expected_status_codes: Sequence[int]
    """Status codes that count as success. Defaults to 200 to 299."""
    connect_timeout_ms: int | None
    """Time limit for a new connection (DNS, TCP and TLS), within `timeout_ms`. null: no separate limit."""
    idle_timeout_ms: int | None
    """Longest time without progress, within `timeout_ms`: no byte of the response arrives, or the receiver
    takes no byte of the request. null: no separate limit."""


class RedisStreamSpec(TypedDict, total=False):
    """An entry of a Redis stream (XADD). Texts may contain templates such as {{input.report.id}}."""

    redis_url: Required[str]
    """redis://host:port/db, or rediss:// for TLS, without a user name or password."""
    username: str | None
    """User name. Defaults to the default user."""
    password: str | None
    """A template with a secret."""
    stream: Required[str]
    """Key of the stream."""
    fields_template: Mapping[str, Any]
    """Fields in addition to those that Kronos adds. Values that are not strings are sent as JSON."""
    max_len: int | None
    """Maximum entries in the stream; older ones are removed (MAXLEN)."""
    approximate_trimming: bool
    """Trim approximately: Redis may keep a few more entries, at less cost (MAXLEN ~)."""
    tls: BrokerTls | None
    """TLS settings for rediss://."""
    timeout_ms: int
    """Time limit of the whole delivery, in milliseconds."""
    connect_timeout_ms: int
    """Time limit for a new connection, within `timeout_ms`."""


class SaslBody(TypedDict, total=False):
    """How to log in to a Kafka cluster."""

    mechanism: Required[Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]]
    """PLAIN sends the password to the broker: use it with `tls`."""
    username: Required[str]
    """User name."""
    password: Required[str]
    """A template with a secret."""


class KafkaSpec(TypedDict, total=False):
    """A record of a Kafka topic. Texts may contain templates such as {{input.report.id}}."""

    bootstrap_servers: Required[Sequence[str]]
    """Brokers to contact first."""
    topic: Required[str]
    """Topic."""
    key_template: Any
    """Record key; null: no key."""
    value_template: Any
    """Record value. Defaults to the job's input."""
    headers: Mapping[str, Any]
    """Headers in addition to those that Kronos sends."""
    acks: Literal["all", "leader"]
    """Which replicas must have the record: all in-sync replicas, or only the leader."""
    sasl: SaslBody | None
    """How to log in; null: do not log in."""
    tls: BrokerTls | None
    """TLS settings; null: no TLS."""
    timeout_ms: int
    """Time limit of the whole delivery, in milliseconds."""
    connect_timeout_ms: int
    """Time limit to connect and find the topic's leader, within `timeout_ms`."""


class EndpointCreate(TypedDict, total=False):
    """An endpoint to create."""

    title: str | None
    """Display name."""
    retry_policy: RetryPolicyBody
    """What happens after a failed attempt."""
    max_in_flight: int | None
    """Maximum deliveries in flight at the same time, enforced exactly. null: no limit."""
    payload_spec: str | None
    """Name of the payload spec that validates the inputs of the endpoint's jobs."""
    config: str | None
    """Name of the config whose values the templates use, as in {{config.region}}."""
    use: Literal["snapshot", "latest"]
    """Which endpoint version executions use. `snapshot`: the version current when the execution was created.
    `latest`: the version current when it is delivered."""
    signing_secrets: Sequence[str]
    """Secrets that sign each delivery (Standard Webhooks), newest first. Use two while replacing a key."""
    on_disabled: Literal["WAIT", "SKIP"]
    """What happens to its jobs' ticks while the endpoint is disabled. `WAIT`: their executions wait until it
    is enabled. `SKIP`: they become SKIPPED."""
    limits: LimitsBody
    """Limits on deliveries."""
    group: str | None
    """Worker group that delivers to the endpoint (`kronos worker --group`). null: workers that serve no
    group."""
    type: Required[Literal["HTTP"] | Literal["REDIS_STREAM"] | Literal["KAFKA"] | Literal["EMAIL"]]
    spec: Required[HttpSpec | RedisStreamSpec | KafkaSpec | EmailSpec]
    name: Required[str]
    """Name, unique in the workspace."""


class EndpointDisable(TypedDict, total=False):
    """Why deliveries to an endpoint are disabled."""

    note: str | None
    """Reason, shown to other people."""


class EndpointPut(TypedDict, total=False):
    """An endpoint without its name, which is in the path. A document from GET may be sent back whole: read-
    only fields are ignored as long as they are as GET returned them."""

    title: str | None
    """Display name."""
    retry_policy: RetryPolicyBody
    """What happens after a failed attempt."""
    max_in_flight: int | None
    """Maximum deliveries in flight at the same time, enforced exactly. null: no limit."""
    payload_spec: str | None
    """Name of the payload spec that validates the inputs of the endpoint's jobs."""
    config: str | None
    """Name of the config whose values the templates use, as in {{config.region}}."""
    use: Literal["snapshot", "latest"]
    """Which endpoint version executions use. `snapshot`: the version current when the execution was created.
    `latest`: the version current when it is delivered."""
    signing_secrets: Sequence[str]
    """Secrets that sign each delivery (Standard Webhooks), newest first. Use two while replacing a key."""
    on_disabled: Literal["WAIT", "SKIP"]
    """What happens to its jobs' ticks while the endpoint is disabled. `WAIT`: their executions wait until it
    is enabled. `SKIP`: they become SKIPPED."""
    limits: LimitsBody
    """Limits on deliveries."""
    group: str | None
    """Worker group that delivers to the endpoint (`kronos worker --group`). null: workers that serve no
    group."""
    type: Required[Literal["HTTP"] | Literal["REDIS_STREAM"] | Literal["KAFKA"] | Literal["EMAIL"]]
    spec: Required[HttpSpec | RedisStreamSpec | KafkaSpec | EmailSpec]


class EndpointRender(TypedDict, total=False):
    """The execution to render a request for."""

    input: Mapping[str, Any]
    """Input, as for a job."""
    job_name: str | None
    """Value of {{job.name}}."""
    timezone: str
    """Time zone of {{scheduled_at | local}}."""
    scheduled_at: datetime | str | None
    """Value of {{scheduled_at}}; defaults to now."""


class EndpointTest(TypedDict, total=False):
    """One test delivery, sent now."""

    input: Mapping[str, Any]
    """Input, as for a job."""
