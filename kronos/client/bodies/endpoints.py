"""What the API takes: endpoints. Made by bin/client out of the API's document."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Required, TypedDict


class BrokerTls(TypedDict, total=False):
    """TLS with a broker: what is trusted besides the system's authorities, and the certificate that is
    shown. PEM."""

    ca_certificate: str | None
    """An authority."""
    client_certificate: str | None
    """Shown to the broker."""
    client_key: str | None
    """Its key: a template of a secret."""


class EmailSpec(TypedDict, total=False):
    """A mail by an SMTP server, with templates such as {{input.text}}."""

    smtp_url: Required[str]
    """smtp://host:587, or smtps://host:465 for TLS from the first word, without user name or password."""
    starttls: bool
    """Over smtp:// TLS is agreed first, and where it cannot be nothing is sent."""
    username: str | None
    """Whom to log in as; null: not."""
    password: str | None
    """A template of a secret."""
    sender: Required[str]
    """From whom."""
    to: Required[Sequence[str]]
    """To whom."""
    subject_template: str | None
    """The subject; by default the input's text, or Kronos."""
    text_template: Any
    """The text; the input as JSON where there is none."""
    tls: BrokerTls | None
    """What TLS is agreed with."""
    timeout_ms: int
    """For the whole delivery, in milliseconds."""
    connect_timeout_ms: int
    """Of it, for a new connection."""


class RetryPolicyBody(TypedDict, total=False):
    """What happens after an attempt that failed. `max_delay_ms` is at least `initial_delay_ms`."""

    max_attempts: int
    """Attempts in all."""
    backoff: Literal["fixed", "linear", "exponential"]
    """How the delay grows from attempt to attempt."""
    initial_delay_ms: int
    """From the end of the first attempt."""
    max_delay_ms: int
    """No delay is longer."""
    max_retry_after_seconds: int
    """Of what the receiver asks for by Retry-After, so much is waited; 0: none of it."""
    max_crashes: int
    """Attempts that may be lost with their worker; 0 delivers at most once."""
    jitter: Literal["none", "partial", "full"]
    """How delays are spread: `partial`, up to a fifth longer (the longest up to a fifth shorter); `full`,
    anything from 0 to the delay; `none`."""
    delays_ms: Sequence[int] | None
    """The delays one by one, in place of `backoff`, `initial_delay_ms` and `max_delay_ms`; the last is
    repeated."""
    max_age_seconds: int | None
    """No attempt follows once so much time has passed since the execution was first due."""
    retryable_status_codes: Sequence[int] | None
    """Answers that are tried again, these alone; 408, 425, 429 and 500 to 599 by default."""
    permanent_status_codes: Sequence[int]
    """Answers that are not tried again, such as one of those that are by default."""
    slow_down_status_codes: Sequence[int]
    """Answers after which nothing is delivered to the endpoint for as long as their Retry-After asks, an
    hour at most, or for the first delay; then one delivery is tried first."""
    retry_unknown: bool
    """Whether an attempt is followed by another that was sent and whose answer is not known. With false an
    execution is sent at most once as far as nobody knows what became of it."""
    disable_after_seconds: int | None
    """The endpoint is disabled once nothing but failures came of its deliveries for so long; null: never."""
    disable_after_attempts: int
    """And of so many attempts at least."""
    probe_seconds: int | None
    """An endpoint that was disabled by this rule is tried with one delivery so often, and enabled by the
    first success; null: only by hand."""


class RateBody(TypedDict, total=False):
    """How many deliveries may begin, retries among them: a token bucket, exact over all workers."""

    count: Required[int]
    """So many in per_seconds, evenly spaced."""
    per_seconds: int
    """A second by default."""
    burst: int | None
    """So many at once after a quiet time, beyond which no span of time has more than its share; what comes
    in 50 ms by default, and at least 1."""


class LimitsBody(TypedDict, total=False):
    """What deliveries are held to. What waits is delivered as soon as there is room, and takes no attempt
    meanwhile."""

    max_in_flight: int | None
    """The same as the endpoint's max_in_flight."""
    rate: RateBody | None
    """How many may begin in a time; null: no limit."""
    concurrency_key: str | None
    """A template over the input: of what comes to the same text, max_concurrency_per_key may be under way at
    once. Inputs without the value have the same key. Null: no limit."""
    max_concurrency_per_key: int | None
    """Deliveries of one concurrency_key under way at once, exactly; 1 where a concurrency_key is given
    without it."""


class HttpSpec(TypedDict, total=False):
    """An HTTP request, with templates such as {{input.report.id}}."""

    url: Required[str]
    """Absolute http or https URL."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    """Its method."""
    headers: Mapping[str, str]
    """Headers beside Kronos's own."""
    body_template: Any
    """The body; the job's input where there is none."""
    timeout_ms: int
    """For the whole request, in milliseconds."""
    expected_status_codes: Sequence[int]
    """What counts as success; 200 to 299 by default."""
    connect_timeout_ms: int | None
    """Of timeout_ms, for a new connection: name, address, TCP and TLS. Null: no limit of its own."""
    idle_timeout_ms: int | None
    """Of timeout_ms, without a byte of the answer, or of the request that the receiver takes. Null: no limit
    of its own."""


class RedisStreamSpec(TypedDict, total=False):
    """An entry of a Redis stream (XADD), with templates such as {{input.report.id}}."""

    redis_url: Required[str]
    """redis://host:port/db, or rediss:// for TLS, without a user name or password."""
    username: str | None
    """Whom to log in as; the default user."""
    password: str | None
    """A template of a secret."""
    stream: Required[str]
    """The stream's key."""
    fields_template: Mapping[str, Any]
    """The entry's fields beside Kronos's own; what is no text is sent as JSON."""
    max_len: int | None
    """Older entries are removed from the stream (MAXLEN)."""
    approximate_trimming: bool
    """Some more are kept, which costs Redis less (MAXLEN ~)."""
    tls: BrokerTls | None
    """Goes with rediss://."""
    timeout_ms: int
    """For the whole delivery, in milliseconds."""
    connect_timeout_ms: int
    """Of it, for a new connection."""


class SaslBody(TypedDict, total=False):
    """How a Kafka cluster is logged in to."""

    mechanism: Required[Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]]
    """PLAIN shows the password to the broker: use it with tls."""
    username: Required[str]
    """Whom as."""
    password: Required[str]
    """A template of a secret."""


class KafkaSpec(TypedDict, total=False):
    """A record of a Kafka topic, with templates such as {{input.report.id}}."""

    bootstrap_servers: Required[Sequence[str]]
    """Brokers to ask first."""
    topic: Required[str]
    """The topic."""
    key_template: Any
    """The key; null: none."""
    value_template: Any
    """The value; the job's input where there is none."""
    headers: Mapping[str, Any]
    """Headers beside Kronos's own."""
    acks: Literal["all", "leader"]
    """Who has the record before it counts: all in-sync replicas."""
    sasl: SaslBody | None
    """How to log in; null: not."""
    tls: BrokerTls | None
    """TLS; null: none."""
    timeout_ms: int
    """For the whole delivery, in milliseconds."""
    connect_timeout_ms: int
    """Of it, for connections and the topic's leader."""


class EndpointCreate(TypedDict, total=False):
    """An endpoint to be made."""

    title: str | None
    """Its name for people."""
    retry_policy: RetryPolicyBody
    """What happens after a failure."""
    max_in_flight: int | None
    """Deliveries under way at once, exactly; null: no limit."""
    payload_spec: str | None
    """The name of the payload spec against which its jobs' inputs are validated."""
    config: str | None
    """The name of the config whose values its templates hold: {{config.region}}."""
    use: Literal["snapshot", "latest"]
    """Of which version executions are made: `snapshot`, the one that there was when they were created;
    `latest`, the one that there is when they are delivered."""
    signing_secrets: Sequence[str]
    """Secrets that sign each delivery (Standard Webhooks), newest first; two while a key is replaced."""
    on_disabled: Literal["WAIT", "SKIP"]
    """What becomes of its jobs' ticks while it is disabled: `WAIT`, their executions wait until it is
    enabled; `SKIP`, they are SKIPPED."""
    limits: LimitsBody
    """What deliveries are held to."""
    group: str | None
    """The group of workers that deliver to it (`kronos worker --group`); null: the workers that serve no
    group."""
    type: Required[Literal["HTTP"] | Literal["REDIS_STREAM"] | Literal["KAFKA"] | Literal["EMAIL"]]
    spec: Required[HttpSpec | RedisStreamSpec | KafkaSpec | EmailSpec]
    name: Required[str]
    """Its name in this workspace."""


class EndpointDisable(TypedDict, total=False):
    """Why nothing is to be delivered to an endpoint."""

    note: str | None
    """For people who wonder later."""


class EndpointPut(TypedDict, total=False):
    """An endpoint without its name, which stands in the path. What GET gives may be sent back whole: what
    cannot be changed is ignored as long as it is as GET gives it."""

    title: str | None
    """Its name for people."""
    retry_policy: RetryPolicyBody
    """What happens after a failure."""
    max_in_flight: int | None
    """Deliveries under way at once, exactly; null: no limit."""
    payload_spec: str | None
    """The name of the payload spec against which its jobs' inputs are validated."""
    config: str | None
    """The name of the config whose values its templates hold: {{config.region}}."""
    use: Literal["snapshot", "latest"]
    """Of which version executions are made: `snapshot`, the one that there was when they were created;
    `latest`, the one that there is when they are delivered."""
    signing_secrets: Sequence[str]
    """Secrets that sign each delivery (Standard Webhooks), newest first; two while a key is replaced."""
    on_disabled: Literal["WAIT", "SKIP"]
    """What becomes of its jobs' ticks while it is disabled: `WAIT`, their executions wait until it is
    enabled; `SKIP`, they are SKIPPED."""
    limits: LimitsBody
    """What deliveries are held to."""
    group: str | None
    """The group of workers that deliver to it (`kronos worker --group`); null: the workers that serve no
    group."""
    type: Required[Literal["HTTP"] | Literal["REDIS_STREAM"] | Literal["KAFKA"] | Literal["EMAIL"]]
    spec: Required[HttpSpec | RedisStreamSpec | KafkaSpec | EmailSpec]


class EndpointRender(TypedDict, total=False):
    """The execution that a rendering is for."""

    input: Mapping[str, Any]
    """As of a job."""
    job_name: str | None
    """{{job.name}}."""
    timezone: str
    """Of {{scheduled_at | local}}."""
    scheduled_at: datetime | str | None
    """{{scheduled_at}}; now by default."""


class EndpointTest(TypedDict, total=False):
    """One delivery now."""

    input: Mapping[str, Any]
    """As of a job."""
