"""The spec of each endpoint type: bounds, defaults, and an example that the documentation and hints show."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from kronos.api.fields import Body, Template, few_headers, whole

StatusCode = Annotated[int, Field(ge=100, le=599), BeforeValidator(whole)]
_Limit = Annotated[int, Field(ge=1, le=900_000)]
_Pem = Annotated[str, Field(min_length=1, max_length=64 * 1024)]
_PEM_EXAMPLE = "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n"
_Secret = Annotated[str, Field(min_length=1, max_length=1024)]


class HttpSpec(Body):
    """An HTTP request. Texts may contain templates such as {{input.report.id}}."""

    url: str = Field(
        min_length=1,
        max_length=2048,
        description="Absolute http or https URL.",
        examples=["https://example.com/hooks/report"],
    )
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(
        default="POST", description="HTTP method.", examples=["POST"]
    )
    headers: Annotated[dict[str, str], BeforeValidator(few_headers)] = Field(
        default_factory=dict,
        description="Headers in addition to those that Kronos sends.",
        examples=[{"X-Team": "reports"}],
    )
    body_template: Template = Field(
        default=None, description="Request body. Defaults to the job's input.", examples=[{"id": "{{input.id}}"}]
    )
    timeout_ms: int = Field(
        default=30_000,
        ge=1,
        le=900_000,
        description="Time limit of the whole request, in milliseconds.",
        examples=[30000],
    )
    expected_status_codes: list[StatusCode] = Field(
        default_factory=list,
        max_length=100,
        description="Status codes that count as success. Defaults to 200 to 299.",
        examples=[[200, 202]],
    )
    connect_timeout_ms: _Limit | None = Field(
        default=None,
        description="Time limit for a new connection (DNS, TCP and TLS), within `timeout_ms`. null: no separate limit.",
        examples=[5000],
    )
    idle_timeout_ms: _Limit | None = Field(
        default=None,
        description="Longest time without progress, within `timeout_ms`: no byte of the response arrives, or the "
        "receiver takes no byte of the request. null: no separate limit.",
        examples=[10000],
    )


class BrokerTls(Body):
    """TLS with a broker, in PEM: authorities to trust in addition to the system's, and a client certificate."""

    ca_certificate: _Pem | None = Field(
        default=None, description="Additional trusted authority.", examples=[_PEM_EXAMPLE]
    )
    client_certificate: _Pem | None = Field(
        default=None, description="Certificate shown to the broker.", examples=[_PEM_EXAMPLE]
    )
    client_key: _Secret | None = Field(
        default=None,
        description="Key of the client certificate: a template with a secret.",
        examples=["{{secret.broker-key}}"],
    )


class SaslBody(Body):
    """How to log in to a Kafka cluster."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        description="PLAIN sends the password to the broker: use it with `tls`.", examples=["SCRAM-SHA-512"]
    )
    username: Annotated[str, Field(min_length=1, max_length=256)] = Field(description="User name.", examples=["kronos"])
    password: _Secret = Field(description="A template with a secret.", examples=["{{secret.kafka}}"])


class RedisStreamSpec(Body):
    """An entry of a Redis stream (XADD). Texts may contain templates such as {{input.report.id}}."""

    redis_url: str = Field(
        min_length=1,
        max_length=2048,
        description="redis://host:port/db, or rediss:// for TLS, without a user name or password.",
        examples=["redis://redis.example.com:6379/0"],
    )
    username: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        default=None, description="User name. Defaults to the default user.", examples=["kronos"]
    )
    password: _Secret | None = Field(
        default=None, description="A template with a secret.", examples=["{{secret.redis}}"]
    )
    stream: str = Field(min_length=1, max_length=1024, description="Key of the stream.", examples=["reports"])
    fields_template: Annotated[dict[str, Template], BeforeValidator(few_headers)] = Field(
        default_factory=lambda: {"input": "{{input}}"},
        min_length=1,
        description="Fields in addition to those that Kronos adds. Values that are not strings are sent as JSON.",
        examples=[{"id": "{{input.id}}"}],
    )
    max_len: Annotated[int, Field(ge=1, le=2**53)] | None = Field(
        default=None, description="Maximum entries in the stream; older ones are removed (MAXLEN).", examples=[100000]
    )
    approximate_trimming: bool = Field(
        default=True,
        description="Trim approximately: Redis may keep a few more entries, at less cost (MAXLEN ~).",
        examples=[True],
    )
    tls: BrokerTls | None = Field(default=None, description="TLS settings for rediss://.", examples=[None])
    timeout_ms: int = Field(
        default=10_000,
        ge=1,
        le=900_000,
        description="Time limit of the whole delivery, in milliseconds.",
        examples=[10000],
    )
    connect_timeout_ms: int = Field(
        default=5_000,
        ge=1,
        le=900_000,
        description="Time limit for a new connection, within `timeout_ms`.",
        examples=[5000],
    )


_Address = Annotated[str, Field(min_length=3, max_length=254, pattern=r'^[^@\s<>,;"]+@[A-Za-z0-9.-]+$')]


class EmailSpec(Body):
    """An e-mail sent through an SMTP server. Texts may contain templates such as {{input.text}}."""

    smtp_url: str = Field(
        min_length=1,
        max_length=2048,
        description="smtp://host:587, or smtps://host:465 for TLS from the start, without a user name or password.",
        examples=["smtp://mail.example.com:587"],
    )
    starttls: bool = Field(
        default=True,
        description="For smtp://: negotiate TLS with STARTTLS first. If that fails, nothing is sent.",
        examples=[True],
    )
    username: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        default=None, description="User name; null: do not log in.", examples=["kronos"]
    )
    password: _Secret | None = Field(
        default=None, description="A template with a secret.", examples=["{{secret.smtp}}"]
    )
    sender: _Address = Field(description="Sender address.", examples=["kronos@example.com"])
    to: Annotated[list[_Address], Field(min_length=1, max_length=20)] = Field(
        description="Recipient addresses.", examples=[["ops@example.com"]]
    )
    subject_template: Annotated[str, Field(max_length=1024)] | None = Field(
        default=None, description="Subject. Defaults to the input's `text`, or to Kronos.", examples=["{{input.text}}"]
    )
    text_template: Template = Field(
        default=None, description="Message text. Defaults to the input as JSON.", examples=["{{input.text}}"]
    )
    tls: BrokerTls | None = Field(default=None, description="TLS settings.", examples=[None])
    timeout_ms: int = Field(
        default=30_000,
        ge=1,
        le=900_000,
        description="Time limit of the whole delivery, in milliseconds.",
        examples=[30000],
    )
    connect_timeout_ms: int = Field(
        default=10_000,
        ge=1,
        le=900_000,
        description="Time limit for a new connection, within `timeout_ms`.",
        examples=[10000],
    )


class KafkaSpec(Body):
    """A record of a Kafka topic. Texts may contain templates such as {{input.report.id}}."""

    bootstrap_servers: Annotated[list[Annotated[str, Field(min_length=1, max_length=300)]], Field(min_length=1)] = (
        Field(max_length=20, description="Brokers to contact first.", examples=[["kafka.example.com:9092"]])
    )
    topic: str = Field(pattern=r"^[A-Za-z0-9._-]{1,249}$", description="Topic.", examples=["reports"])
    key_template: Template = Field(default=None, description="Record key; null: no key.", examples=["{{input.id}}"])
    value_template: Template = Field(
        default=None, description="Record value. Defaults to the job's input.", examples=[{"id": "{{input.id}}"}]
    )
    headers: Annotated[dict[str, Template], BeforeValidator(few_headers)] = Field(
        default_factory=dict,
        description="Headers in addition to those that Kronos sends.",
        examples=[{"team": "reports"}],
    )
    acks: Literal["all", "leader"] = Field(
        default="all",
        description="Which replicas must have the record: all in-sync replicas, or only the leader.",
        examples=["all"],
    )
    sasl: SaslBody | None = Field(default=None, description="How to log in; null: do not log in.", examples=[None])
    tls: BrokerTls | None = Field(default=None, description="TLS settings; null: no TLS.", examples=[None])
    timeout_ms: int = Field(
        default=10_000,
        ge=1,
        le=900_000,
        description="Time limit of the whole delivery, in milliseconds.",
        examples=[10000],
    )
    connect_timeout_ms: int = Field(
        default=5_000,
        ge=1,
        le=900_000,
        description="Time limit to connect and find the topic's leader, within `timeout_ms`.",
        examples=[5000],
    )
