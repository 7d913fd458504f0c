"""Request bodies for endpoints, field by field: bounds, defaults, and an example that the documentation and hints show.

The specs of each endpoint type are in endpoint_specs.py.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, RootModel

from kronos.api.endpoint_specs import EmailSpec, HttpSpec, KafkaSpec, RedisStreamSpec, StatusCode
from kronos.api.fields import Body, EndpointName, Input, JobName, SecretName, Text, Time, Title, WorkerGroup, Zone
from kronos.model import OnDisabled, VersionUse

_DAY_MS = 24 * 60 * 60 * 1000


class RetryPolicyBody(Body):
    """What happens after a failed attempt. `max_delay_ms` must be at least `initial_delay_ms`."""

    max_attempts: int = Field(default=5, ge=1, le=100, description="Total attempts.", examples=[5])
    backoff: Literal["fixed", "linear", "exponential"] = Field(
        default="exponential", description="How the delay grows between attempts.", examples=["exponential"]
    )
    initial_delay_ms: int = Field(
        default=1000, ge=0, le=_DAY_MS, description="Delay after the end of the first attempt.", examples=[1000]
    )
    max_delay_ms: int = Field(default=60_000, ge=0, le=_DAY_MS, description="Longest delay.", examples=[60000])
    max_retry_after_seconds: int = Field(
        default=3600,
        ge=0,
        le=31 * 24 * 3600,
        description="Longest Retry-After that is honored, in seconds; 0 ignores Retry-After.",
        examples=[86400],
    )
    max_crashes: int = Field(
        default=3,
        ge=0,
        le=100,
        description="How many attempts may be lost because their worker died. 0: deliver at most once.",
        examples=[3],
    )
    jitter: Literal["none", "partial", "full"] = Field(
        default="partial",
        description="How delays are randomized. `partial`: up to a fifth longer (the longest delay: up to a fifth "
        "shorter). `full`: anything from 0 to the delay. `none`: not at all.",
        examples=["full"],
    )
    delays_ms: Annotated[list[Annotated[int, Field(ge=0, le=_DAY_MS)]], Field(min_length=1, max_length=100)] | None = (
        Field(
            default=None,
            description="The delays, one per retry, instead of `backoff`, `initial_delay_ms` and `max_delay_ms`. The "
            "last delay repeats.",
            examples=[[1000, 30000, 600000]],
        )
    )
    max_age_seconds: int | None = Field(
        default=None,
        ge=1,
        le=366 * 24 * 3600,
        description="No further attempt is made once the execution has been due for this long.",
        examples=[86400],
    )
    retryable_status_codes: list[StatusCode] | None = Field(
        default=None,
        max_length=500,
        description="Status codes to retry, and no others. Defaults to 408, 425, 429 and 500 to 599.",
        examples=[[408, 409, 425, 429, 500, 502, 503, 504]],
    )
    permanent_status_codes: list[StatusCode] = Field(
        default_factory=list,
        max_length=500,
        description="Status codes never to retry, for example one of the default retryable codes.",
        examples=[[501]],
    )
    slow_down_status_codes: list[StatusCode] = Field(
        default_factory=lambda: [429, 503],
        max_length=500,
        description="Status codes that pause all deliveries to the endpoint: for as long as their Retry-After asks, "
        "at most an hour, or for the first delay. Then one delivery is tried first.",
        examples=[[429, 503]],
    )
    retry_unknown: bool = Field(
        default=True,
        description="Whether to retry an attempt that was sent but whose response is unknown. false: such an execution "
        "ends as FAILED instead of being sent twice.",
        examples=[True],
    )
    disable_after_seconds: int | None = Field(
        default=None,
        ge=1,
        le=366 * 24 * 3600,
        description="Disable the endpoint after its deliveries have only failed for this many seconds; null: never.",
        examples=[259200],
    )
    disable_after_attempts: int = Field(
        default=10, ge=1, le=1_000_000, description="Minimum attempts before that rule applies.", examples=[10]
    )
    probe_seconds: int | None = Field(
        default=300,
        ge=1,
        le=7 * 24 * 3600,
        description="How often to try one delivery to an endpoint that this rule disabled. The first success enables "
        "it. null: only enabled by hand.",
        examples=[300],
    )


class RateBody(Body):
    """How many deliveries may start, including retries: a token bucket, exact across all workers."""

    count: int = Field(ge=1, le=1_000_000, description="Deliveries per `per_seconds`, evenly spaced.", examples=[100])
    per_seconds: int = Field(default=1, ge=1, le=86_400, description="Defaults to one second.", examples=[60])
    burst: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Deliveries that may start together after a quiet period. Beyond the burst, no period gets more "
        "than its share. Defaults to what the rate allows in 50 ms, at least 1.",
        examples=[10],
    )


class LimitsBody(Body):
    """Limits on deliveries. A delivery that waits starts as soon as there is room; waiting uses up no attempt."""

    max_in_flight: int | None = Field(
        default=None, ge=1, le=100_000, description="Same as the endpoint's `max_in_flight`.", examples=[10]
    )
    rate: RateBody | None = Field(
        default=None, description="How many deliveries may start per period; null: no limit.", examples=[{"count": 100}]
    )
    concurrency_key: Annotated[Text, Field(min_length=1, max_length=200)] | None = Field(
        default=None,
        description="A template over the input. Of deliveries with the same resulting text, at most "
        "`max_concurrency_per_key` run at the same time. Inputs without the value share one key. null: no limit.",
        examples=["{{input.customer}}"],
    )
    max_concurrency_per_key: int | None = Field(
        default=None,
        ge=1,
        le=1_000,
        description="Maximum deliveries in flight per concurrency key, enforced exactly. Defaults to 1 if "
        "`concurrency_key` is given.",
        examples=[2],
    )


class _EndpointFields(Body):
    """Fields of all endpoint types."""

    title: Title | None = Field(default=None, description="Display name.", examples=["Weekly report (production)"])
    retry_policy: RetryPolicyBody = Field(
        default_factory=lambda: RetryPolicyBody(),
        description="What happens after a failed attempt.",
        examples=[{"max_attempts": 5}],
    )
    max_in_flight: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Maximum deliveries in flight at the same time, enforced exactly. null: no limit.",
        examples=[10],
    )
    payload_spec: EndpointName | None = Field(
        default=None,
        description="Name of the payload spec that validates the inputs of the endpoint's jobs.",
        examples=["report-input"],
    )
    config: EndpointName | None = Field(
        default=None,
        description="Name of the config whose values the templates use, as in {{config.region}}.",
        examples=["production"],
    )
    use: VersionUse = Field(
        default="snapshot",
        description="Which endpoint version executions use. `snapshot`: the version current when the execution was "
        "created. `latest`: the version current when it is delivered.",
        examples=["snapshot"],
    )
    signing_secrets: list[SecretName] = Field(
        default_factory=list,
        max_length=4,
        description="Secrets that sign each delivery (Standard Webhooks), newest first. Use two while replacing a key.",
        examples=[["webhook-key"]],
    )
    on_disabled: OnDisabled = Field(
        default="WAIT",
        description="What happens to its jobs' ticks while the endpoint is disabled. `WAIT`: their executions wait "
        "until it is enabled. `SKIP`: they become SKIPPED.",
        examples=["WAIT"],
    )
    limits: LimitsBody = Field(
        default_factory=lambda: LimitsBody(),
        description="Limits on deliveries.",
        examples=[{"rate": {"count": 100, "per_seconds": 60}, "concurrency_key": "{{input.customer}}"}],
    )
    group: WorkerGroup | None = Field(
        default=None,
        description="Worker group that delivers to the endpoint (`kronos worker --group`). null: workers that serve no "
        "group.",
        examples=["private-net"],
    )


class HttpEndpointPut(_EndpointFields):
    """An HTTP endpoint, without its name."""

    type: Literal["HTTP"] = Field(description="Delivers HTTP requests.", examples=["HTTP"])
    spec: HttpSpec = Field(description="The request.", examples=[{"url": "https://example.com/hooks/report"}])


class RedisStreamEndpointPut(_EndpointFields):
    """A Redis stream endpoint, without its name."""

    type: Literal["REDIS_STREAM"] = Field(description="Delivers entries to a Redis stream.", examples=["REDIS_STREAM"])
    spec: RedisStreamSpec = Field(
        description="The stream.", examples=[{"redis_url": "redis://redis.example.com:6379/0", "stream": "reports"}]
    )


class KafkaEndpointPut(_EndpointFields):
    """A Kafka endpoint, without its name."""

    type: Literal["KAFKA"] = Field(description="Delivers records to a Kafka topic.", examples=["KAFKA"])
    spec: KafkaSpec = Field(
        description="The topic.", examples=[{"bootstrap_servers": ["kafka.example.com:9092"], "topic": "reports"}]
    )


class EmailEndpointPut(_EndpointFields):
    """An e-mail endpoint, without its name."""

    type: Literal["EMAIL"] = Field(description="Delivers e-mail.", examples=["EMAIL"])
    spec: EmailSpec = Field(
        description="The mail.",
        examples=[
            {"smtp_url": "smtp://mail.example.com:587", "sender": "kronos@example.com", "to": ["ops@example.com"]}
        ],
    )


_EndpointName = Annotated[EndpointName, Field(description="Name, unique in the workspace.", examples=["weekly-report"])]


class HttpEndpointCreate(HttpEndpointPut):
    """An HTTP endpoint to create."""

    name: _EndpointName


class RedisStreamEndpointCreate(RedisStreamEndpointPut):
    """A Redis stream endpoint to create."""

    name: _EndpointName


class KafkaEndpointCreate(KafkaEndpointPut):
    """A Kafka endpoint to create."""

    name: _EndpointName


class EmailEndpointCreate(EmailEndpointPut):
    """An e-mail endpoint to create."""

    name: _EndpointName


class _OneOfFour(RootModel[Any]):
    """An endpoint of one of the types. Of Any: a base with the types would build their union a second time."""

    model_config = ConfigDict(defer_build=True)


class EndpointPut(_OneOfFour):
    """An endpoint without its name, which is in the path. A document from GET may be sent back whole: read-only fields
    are ignored as long as they are as GET returned them."""

    root: HttpEndpointPut | RedisStreamEndpointPut | KafkaEndpointPut | EmailEndpointPut = Field(discriminator="type")


class EndpointCreate(_OneOfFour):
    """An endpoint to create."""

    root: HttpEndpointCreate | RedisStreamEndpointCreate | KafkaEndpointCreate | EmailEndpointCreate = Field(
        discriminator="type"
    )


class EndpointRender(Body):
    """The execution to render a request for."""

    input: Input = Field(default_factory=dict, description="Input, as for a job.", examples=[{"id": 7}])
    job_name: JobName | None = Field(default=None, description="Value of {{job.name}}.", examples=["weekly-report"])
    timezone: Zone = Field(
        default="UTC", description="Time zone of {{scheduled_at | local}}.", examples=["Europe/Berlin"]
    )
    scheduled_at: Time | None = Field(
        default=None, description="Value of {{scheduled_at}}; defaults to now.", examples=["2026-12-01T09:00:00Z"]
    )


class EndpointTest(Body):
    """One test delivery, sent now."""

    input: Input = Field(default_factory=dict, description="Input, as for a job.", examples=[{"id": 7}])


class EndpointDisable(Body):
    """Why deliveries to an endpoint are disabled."""

    note: Annotated[Text, Field(max_length=500)] | None = Field(
        default=None, description="Reason, shown to other people.", examples=["moved to the new receiver"]
    )
