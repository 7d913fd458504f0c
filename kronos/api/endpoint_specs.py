"""What an endpoint's spec may hold, of each type: bounds, defaults, and an example for documentation and hints."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from kronos.api.fields import Body, Template, few_headers, whole

StatusCode = Annotated[int, Field(ge=100, le=599), BeforeValidator(whole)]
_Limit = Annotated[int, Field(ge=1, le=900_000)]
_Pem = Annotated[str, Field(min_length=1, max_length=64 * 1024)]
_PEM_EXAMPLE = "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n"
_Secret = Annotated[str, Field(min_length=1, max_length=1024)]


class HttpSpec(Body):
    """An HTTP request, with templates such as {{input.report.id}}."""

    url: str = Field(
        min_length=1,
        max_length=2048,
        description="Absolute http or https URL.",
        examples=["https://example.com/hooks/report"],
    )
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(
        default="POST", description="Its method.", examples=["POST"]
    )
    headers: Annotated[dict[str, str], BeforeValidator(few_headers)] = Field(
        default_factory=dict, description="Headers beside Kronos's own.", examples=[{"X-Team": "reports"}]
    )
    body_template: Template = Field(
        default=None, description="The body; the job's input where there is none.", examples=[{"id": "{{input.id}}"}]
    )
    timeout_ms: int = Field(
        default=30_000, ge=1, le=900_000, description="For the whole request, in milliseconds.", examples=[30000]
    )
    expected_status_codes: list[StatusCode] = Field(
        default_factory=list,
        max_length=100,
        description="What counts as success; 200 to 299 by default.",
        examples=[[200, 202]],
    )
    connect_timeout_ms: _Limit | None = Field(
        default=None,
        description="Of timeout_ms, for a new connection: name, address, TCP and TLS. Null: no limit of its own.",
        examples=[5000],
    )
    idle_timeout_ms: _Limit | None = Field(
        default=None,
        description="Of timeout_ms, without a byte of the answer, or of the request that the receiver takes. Null: no "
        "limit of its own.",
        examples=[10000],
    )


class BrokerTls(Body):
    """TLS with a broker: what is trusted besides the system's authorities, and the certificate that is shown. PEM."""

    ca_certificate: _Pem | None = Field(default=None, description="An authority.", examples=[_PEM_EXAMPLE])
    client_certificate: _Pem | None = Field(default=None, description="Shown to the broker.", examples=[_PEM_EXAMPLE])
    client_key: _Secret | None = Field(
        default=None, description="Its key: a template of a secret.", examples=["{{secret.broker-key}}"]
    )


class SaslBody(Body):
    """How a Kafka cluster is logged in to."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        description="PLAIN shows the password to the broker: use it with tls.", examples=["SCRAM-SHA-512"]
    )
    username: Annotated[str, Field(min_length=1, max_length=256)] = Field(description="Whom as.", examples=["kronos"])
    password: _Secret = Field(description="A template of a secret.", examples=["{{secret.kafka}}"])


class RedisStreamSpec(Body):
    """An entry of a Redis stream (XADD), with templates such as {{input.report.id}}."""

    redis_url: str = Field(
        min_length=1,
        max_length=2048,
        description="redis://host:port/db, or rediss:// for TLS, without a user name or password.",
        examples=["redis://redis.example.com:6379/0"],
    )
    username: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        default=None, description="Whom to log in as; the default user.", examples=["kronos"]
    )
    password: _Secret | None = Field(default=None, description="A template of a secret.", examples=["{{secret.redis}}"])
    stream: str = Field(min_length=1, max_length=1024, description="The stream's key.", examples=["reports"])
    fields_template: Annotated[dict[str, Template], BeforeValidator(few_headers)] = Field(
        default_factory=lambda: {"input": "{{input}}"},
        min_length=1,
        description="The entry's fields beside Kronos's own; what is no text is sent as JSON.",
        examples=[{"id": "{{input.id}}"}],
    )
    max_len: Annotated[int, Field(ge=1, le=2**53)] | None = Field(
        default=None, description="Older entries are removed from the stream (MAXLEN).", examples=[100000]
    )
    approximate_trimming: bool = Field(
        default=True, description="Some more are kept, which costs Redis less (MAXLEN ~).", examples=[True]
    )
    tls: BrokerTls | None = Field(default=None, description="Goes with rediss://.", examples=[None])
    timeout_ms: int = Field(
        default=10_000, ge=1, le=900_000, description="For the whole delivery, in milliseconds.", examples=[10000]
    )
    connect_timeout_ms: int = Field(
        default=5_000, ge=1, le=900_000, description="Of it, for a new connection.", examples=[5000]
    )


_Address = Annotated[str, Field(min_length=3, max_length=254, pattern=r'^[^@\s<>,;"]+@[A-Za-z0-9.-]+$')]


class EmailSpec(Body):
    """A mail by an SMTP server, with templates such as {{input.text}}."""

    smtp_url: str = Field(
        min_length=1,
        max_length=2048,
        description="smtp://host:587, or smtps://host:465 for TLS from the first word, without user name or password.",
        examples=["smtp://mail.example.com:587"],
    )
    starttls: bool = Field(
        default=True,
        description="Over smtp:// TLS is agreed first, and where it cannot be nothing is sent.",
        examples=[True],
    )
    username: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        default=None, description="Whom to log in as; null: not.", examples=["kronos"]
    )
    password: _Secret | None = Field(default=None, description="A template of a secret.", examples=["{{secret.smtp}}"])
    sender: _Address = Field(description="From whom.", examples=["kronos@example.com"])
    to: Annotated[list[_Address], Field(min_length=1, max_length=20)] = Field(
        description="To whom.", examples=[["ops@example.com"]]
    )
    subject_template: Annotated[str, Field(max_length=1024)] | None = Field(
        default=None, description="The subject; by default the input's text, or Kronos.", examples=["{{input.text}}"]
    )
    text_template: Template = Field(
        default=None, description="The text; the input as JSON where there is none.", examples=["{{input.text}}"]
    )
    tls: BrokerTls | None = Field(default=None, description="What TLS is agreed with.", examples=[None])
    timeout_ms: int = Field(
        default=30_000, ge=1, le=900_000, description="For the whole delivery, in milliseconds.", examples=[30000]
    )
    connect_timeout_ms: int = Field(
        default=10_000, ge=1, le=900_000, description="Of it, for a new connection.", examples=[10000]
    )


class KafkaSpec(Body):
    """A record of a Kafka topic, with templates such as {{input.report.id}}."""

    bootstrap_servers: Annotated[list[Annotated[str, Field(min_length=1, max_length=300)]], Field(min_length=1)] = (
        Field(max_length=20, description="Brokers to ask first.", examples=[["kafka.example.com:9092"]])
    )
    topic: str = Field(pattern=r"^[A-Za-z0-9._-]{1,249}$", description="The topic.", examples=["reports"])
    key_template: Template = Field(default=None, description="The key; null: none.", examples=["{{input.id}}"])
    value_template: Template = Field(
        default=None, description="The value; the job's input where there is none.", examples=[{"id": "{{input.id}}"}]
    )
    headers: Annotated[dict[str, Template], BeforeValidator(few_headers)] = Field(
        default_factory=dict, description="Headers beside Kronos's own.", examples=[{"team": "reports"}]
    )
    acks: Literal["all", "leader"] = Field(
        default="all", description="Who has the record before it counts: all in-sync replicas.", examples=["all"]
    )
    sasl: SaslBody | None = Field(default=None, description="How to log in; null: not.", examples=[None])
    tls: BrokerTls | None = Field(default=None, description="TLS; null: none.", examples=[None])
    timeout_ms: int = Field(
        default=10_000, ge=1, le=900_000, description="For the whole delivery, in milliseconds.", examples=[10000]
    )
    connect_timeout_ms: int = Field(
        default=5_000, ge=1, le=900_000, description="Of it, for connections and the topic's leader.", examples=[5000]
    )
