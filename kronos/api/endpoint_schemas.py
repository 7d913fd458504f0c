"""What endpoints may hold, field by field: bounds, defaults, and an example for documentation and hints.

Their specs stand in endpoint_specs.py.
"""

from typing import Annotated, Literal

from pydantic import Field, RootModel

from kronos.api.endpoint_specs import EmailSpec, HttpSpec, KafkaSpec, RedisStreamSpec, StatusCode
from kronos.api.fields import Body, EndpointName, Input, JobName, SecretName, Text, Time, Title, WorkerGroup, Zone
from kronos.model import OnDisabled, VersionUse

_DAY_MS = 24 * 60 * 60 * 1000


class RetryPolicyBody(Body):
    """What happens after an attempt that failed. `max_delay_ms` is at least `initial_delay_ms`."""

    max_attempts: int = Field(default=5, ge=1, le=100, description="Attempts in all.", examples=[5])
    backoff: Literal["fixed", "linear", "exponential"] = Field(
        default="exponential", description="How the delay grows from attempt to attempt.", examples=["exponential"]
    )
    initial_delay_ms: int = Field(
        default=1000, ge=0, le=_DAY_MS, description="From the end of the first attempt.", examples=[1000]
    )
    max_delay_ms: int = Field(default=60_000, ge=0, le=_DAY_MS, description="No delay is longer.", examples=[60000])
    max_retry_after_seconds: int = Field(
        default=3600,
        ge=0,
        le=31 * 24 * 3600,
        description="Of what the receiver asks for by Retry-After, so much is waited; 0: none of it.",
        examples=[86400],
    )
    max_crashes: int = Field(
        default=3,
        ge=0,
        le=100,
        description="Attempts that may be lost with their worker; 0 delivers at most once.",
        examples=[3],
    )
    jitter: Literal["none", "partial", "full"] = Field(
        default="partial",
        description="How delays are spread: `partial`, up to a fifth longer (the longest up to a fifth shorter); "
        "`full`, anything from 0 to the delay; `none`.",
        examples=["full"],
    )
    delays_ms: Annotated[list[Annotated[int, Field(ge=0, le=_DAY_MS)]], Field(min_length=1, max_length=100)] | None = (
        Field(
            default=None,
            description="The delays one by one, in place of `backoff`, `initial_delay_ms` and `max_delay_ms`; the last "
            "is repeated.",
            examples=[[1000, 30000, 600000]],
        )
    )
    max_age_seconds: int | None = Field(
        default=None,
        ge=1,
        le=366 * 24 * 3600,
        description="No attempt follows once so much time has passed since the execution was first due.",
        examples=[86400],
    )
    retryable_status_codes: list[StatusCode] | None = Field(
        default=None,
        max_length=500,
        description="Answers that are tried again, these alone; 408, 425, 429 and 500 to 599 by default.",
        examples=[[408, 409, 425, 429, 500, 502, 503, 504]],
    )
    permanent_status_codes: list[StatusCode] = Field(
        default_factory=list,
        max_length=500,
        description="Answers that are not tried again, such as one of those that are by default.",
        examples=[[501]],
    )
    slow_down_status_codes: list[StatusCode] = Field(
        default_factory=lambda: [429, 503],
        max_length=500,
        description="Answers after which nothing is delivered to the endpoint for as long as their Retry-After asks, "
        "an hour at most, or for the first delay; then one delivery is tried first.",
        examples=[[429, 503]],
    )
    retry_unknown: bool = Field(
        default=True,
        description="Whether an attempt is followed by another that was sent and whose answer is not known. With "
        "false an execution is sent at most once as far as nobody knows what became of it.",
        examples=[True],
    )
    disable_after_seconds: int | None = Field(
        default=None,
        ge=1,
        le=366 * 24 * 3600,
        description="The endpoint is disabled once nothing but failures came of its deliveries for so long; null: "
        "never.",
        examples=[259200],
    )
    disable_after_attempts: int = Field(
        default=10, ge=1, le=1_000_000, description="And of so many attempts at least.", examples=[10]
    )
    probe_seconds: int | None = Field(
        default=300,
        ge=1,
        le=7 * 24 * 3600,
        description="An endpoint that was disabled by this rule is tried with one delivery so often, and enabled by "
        "the first success; null: only by hand.",
        examples=[300],
    )


class RateBody(Body):
    """How many deliveries may begin, retries among them: a token bucket, exact over all workers."""

    count: int = Field(ge=1, le=1_000_000, description="So many in per_seconds, evenly spaced.", examples=[100])
    per_seconds: int = Field(default=1, ge=1, le=86_400, description="A second by default.", examples=[60])
    burst: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="So many at once after a quiet time, beyond which no span of time has more than its share; what "
        "comes in 50 ms by default, and at least 1.",
        examples=[10],
    )


class LimitsBody(Body):
    """What deliveries are held to. What waits is delivered as soon as there is room, and takes no attempt meanwhile."""

    max_in_flight: int | None = Field(
        default=None, ge=1, le=100_000, description="The same as the endpoint's max_in_flight.", examples=[10]
    )
    rate: RateBody | None = Field(
        default=None, description="How many may begin in a time; null: no limit.", examples=[{"count": 100}]
    )
    concurrency_key: Annotated[Text, Field(min_length=1, max_length=200)] | None = Field(
        default=None,
        description="A template over the input: of what comes to the same text, max_concurrency_per_key may be under "
        "way at once. Inputs without the value have the same key. Null: no limit.",
        examples=["{{input.customer}}"],
    )
    max_concurrency_per_key: int | None = Field(
        default=None,
        ge=1,
        le=1_000,
        description="Deliveries of one concurrency_key under way at once, exactly; 1 where a concurrency_key is given "
        "without it.",
        examples=[2],
    )


class _EndpointFields(Body):
    """What endpoints of all types have."""

    title: Title | None = Field(
        default=None, description="Its name for people.", examples=["Weekly report (production)"]
    )
    retry_policy: RetryPolicyBody = Field(
        default_factory=lambda: RetryPolicyBody(),
        description="What happens after a failure.",
        examples=[{"max_attempts": 5}],
    )
    max_in_flight: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Deliveries under way at once, exactly; null: no limit.",
        examples=[10],
    )
    payload_spec: EndpointName | None = Field(
        default=None,
        description="The name of the payload spec against which its jobs' inputs are validated.",
        examples=["report-input"],
    )
    config: EndpointName | None = Field(
        default=None,
        description="The name of the config whose values its templates hold: {{config.region}}.",
        examples=["production"],
    )
    use: VersionUse = Field(
        default="snapshot",
        description="Of which version executions are made: `snapshot`, the one that there was when they were created; "
        "`latest`, the one that there is when they are delivered.",
        examples=["snapshot"],
    )
    signing_secrets: list[SecretName] = Field(
        default_factory=list,
        max_length=4,
        description="Secrets that sign each delivery (Standard Webhooks), newest first; two while a key is replaced.",
        examples=[["webhook-key"]],
    )
    on_disabled: OnDisabled = Field(
        default="WAIT",
        description="What becomes of its jobs' ticks while it is disabled: `WAIT`, their executions wait until it is "
        "enabled; `SKIP`, they are SKIPPED.",
        examples=["WAIT"],
    )
    limits: LimitsBody = Field(
        default_factory=lambda: LimitsBody(),
        description="What deliveries are held to.",
        examples=[{"rate": {"count": 100, "per_seconds": 60}, "concurrency_key": "{{input.customer}}"}],
    )
    group: WorkerGroup | None = Field(
        default=None,
        description="The group of workers that deliver to it (`kronos worker --group`); null: the workers that serve "
        "no group.",
        examples=["private-net"],
    )


class HttpEndpointPut(_EndpointFields):
    """An endpoint that is delivered to by HTTP requests, without its name."""

    type: Literal["HTTP"] = Field(description="By requests.", examples=["HTTP"])
    spec: HttpSpec = Field(description="The request.", examples=[{"url": "https://example.com/hooks/report"}])


class RedisStreamEndpointPut(_EndpointFields):
    """An endpoint whose deliveries are entries of a Redis stream, without its name."""

    type: Literal["REDIS_STREAM"] = Field(description="By entries of a stream.", examples=["REDIS_STREAM"])
    spec: RedisStreamSpec = Field(
        description="The stream.", examples=[{"redis_url": "redis://redis.example.com:6379/0", "stream": "reports"}]
    )


class KafkaEndpointPut(_EndpointFields):
    """An endpoint whose deliveries are records of a Kafka topic, without its name."""

    type: Literal["KAFKA"] = Field(description="By records of a topic.", examples=["KAFKA"])
    spec: KafkaSpec = Field(
        description="The topic.", examples=[{"bootstrap_servers": ["kafka.example.com:9092"], "topic": "reports"}]
    )


class EmailEndpointPut(_EndpointFields):
    """An endpoint whose deliveries are e-mails, without its name."""

    type: Literal["EMAIL"] = Field(description="By e-mail.", examples=["EMAIL"])
    spec: EmailSpec = Field(
        description="The mail.",
        examples=[
            {"smtp_url": "smtp://mail.example.com:587", "sender": "kronos@example.com", "to": ["ops@example.com"]}
        ],
    )


_EndpointName = Annotated[EndpointName, Field(description="Its name in this workspace.", examples=["weekly-report"])]


class HttpEndpointCreate(HttpEndpointPut):
    """An endpoint that is delivered to by HTTP requests."""

    name: _EndpointName


class RedisStreamEndpointCreate(RedisStreamEndpointPut):
    """An endpoint whose deliveries are entries of a Redis stream."""

    name: _EndpointName


class KafkaEndpointCreate(KafkaEndpointPut):
    """An endpoint whose deliveries are records of a Kafka topic."""

    name: _EndpointName


class EmailEndpointCreate(EmailEndpointPut):
    """An endpoint whose deliveries are e-mails."""

    name: _EndpointName


class EndpointPut(RootModel[HttpEndpointPut | RedisStreamEndpointPut | KafkaEndpointPut | EmailEndpointPut]):
    """An endpoint without its name, which stands in the path. What GET gives may be sent back whole: what cannot be
    changed is ignored as long as it is as GET gives it."""

    root: HttpEndpointPut | RedisStreamEndpointPut | KafkaEndpointPut | EmailEndpointPut = Field(discriminator="type")


class EndpointCreate(
    RootModel[HttpEndpointCreate | RedisStreamEndpointCreate | KafkaEndpointCreate | EmailEndpointCreate]
):
    """An endpoint to be made."""

    root: HttpEndpointCreate | RedisStreamEndpointCreate | KafkaEndpointCreate | EmailEndpointCreate = Field(
        discriminator="type"
    )


class EndpointRender(Body):
    """The execution that a rendering is for."""

    input: Input = Field(default_factory=dict, description="As of a job.", examples=[{"id": 7}])
    job_name: JobName | None = Field(default=None, description="{{job.name}}.", examples=["weekly-report"])
    timezone: Zone = Field(default="UTC", description="Of {{scheduled_at | local}}.", examples=["Europe/Berlin"])
    scheduled_at: Time | None = Field(
        default=None, description="{{scheduled_at}}; now by default.", examples=["2026-12-01T09:00:00Z"]
    )


class EndpointTest(Body):
    """One delivery now."""

    input: Input = Field(default_factory=dict, description="As of a job.", examples=[{"id": 7}])


class EndpointDisable(Body):
    """Why nothing is to be delivered to an endpoint."""

    note: Annotated[Text, Field(max_length=500)] | None = Field(
        default=None, description="For people who wonder later.", examples=["moved to the new receiver"]
    )
