"""What the API answers: apply. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from kronos.client.models.jobs import FireDiff
from kronos.client.models.overview import BusyMinute
from kronos.client.models.words import DstGap, DstOverlap, Overlap


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCounts:
    """How many resources become what."""

    created: int
    changed: int
    unchanged: int
    removed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCounts:
    """The runs of the coming 7 days that are added, removed and moved, of all jobs together."""

    added: int
    removed: int
    moved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDifference:
    """A field that the server has otherwise than the files, as a JSON pointer. `is_drift`: it was changed on
    the server since files were applied last."""

    field: str
    before: Any
    after: Any
    is_drift: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDrift:
    """What was changed of a managed resource without files; who did it last, how and when, as far as the
    audit is kept."""

    actor: str | None
    at: datetime | None
    action: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedResource:
    """What becomes of a resource. `is_adopted`: it was there, and is the set's from now on. `runs`: of a job
    whose runs of the coming 7 days become others."""

    kind: Literal["config", "payload_spec", "endpoint", "job"]
    name: str
    change: Literal["created", "changed", "unchanged", "removed"]
    is_adopted: bool
    fields: list[FieldDifference]
    drift: ResourceDrift | None
    runs: FireDiff | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftResource:
    """A resource of the set that the files do not have any more: prune would remove it."""

    kind: Literal["config", "payload_spec", "endpoint", "job"]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadAfter:
    """What the workspace's jobs are going to do within 7 days: the busiest minute as it was and the ten
    busiest after, against what was measured of pg_cron and of one worker on two cores. `warnings`:
    what is too much."""

    busiest_before: BusyMinute | None
    busiest: list[BusyMinute]
    pg_cron_per_minute: int
    worker_per_minute: int
    warnings: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What an apply did, or, where it was only to be validated, would do."""

    workspace: str
    set: str
    is_applied: bool
    counts: ChangeCounts
    runs: RunCounts
    resources: list[AppliedResource]
    left: list[LeftResource]
    load: LoadAfter


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerTls:
    """TLS with a broker: what is trusted besides the system's authorities, and the certificate that is
    shown. PEM."""

    ca_certificate: str | None
    client_certificate: str | None
    client_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """What the end of a job's run sets off: `endpoint` or `job`, exactly one of them; `input` goes with
    `job`."""

    endpoint: str | None
    job: str | None
    input: Literal["own", "run"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchUp:
    """What happens to ticks that were missed."""

    policy: Literal["SKIP", "LATEST", "ALL"] | None
    window_seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigCreate:
    """A config to be made."""

    values: dict[str, Any]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicyBody:
    """What happens after an attempt that failed. `max_delay_ms` is at least `initial_delay_ms`."""

    max_attempts: int | None
    backoff: Literal["fixed", "linear", "exponential"] | None
    initial_delay_ms: int | None
    max_delay_ms: int | None
    max_retry_after_seconds: int | None
    max_crashes: int | None
    jitter: Literal["none", "partial", "full"] | None
    delays_ms: list[int] | None
    max_age_seconds: int | None
    retryable_status_codes: list[int] | None
    permanent_status_codes: list[int] | None
    slow_down_status_codes: list[int] | None
    retry_unknown: bool | None
    disable_after_seconds: int | None
    disable_after_attempts: int | None
    probe_seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateBody:
    """How many deliveries may begin, retries among them: a token bucket, exact over all workers."""

    count: int
    per_seconds: int | None
    burst: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsBody:
    """What deliveries are held to. What waits is delivered as soon as there is room, and takes no attempt
    meanwhile."""

    max_in_flight: int | None
    rate: RateBody | None
    concurrency_key: str | None
    max_concurrency_per_key: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSpec:
    """An HTTP request, with templates such as {{input.report.id}}."""

    url: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] | None
    headers: dict[str, str] | None
    body_template: Any
    timeout_ms: int | None
    expected_status_codes: list[int] | None
    connect_timeout_ms: int | None
    idle_timeout_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisStreamSpec:
    """An entry of a Redis stream (XADD), with templates such as {{input.report.id}}."""

    redis_url: str
    username: str | None
    password: str | None
    stream: str
    fields_template: dict[str, Any] | None
    max_len: int | None
    approximate_trimming: bool | None
    tls: BrokerTls | None
    timeout_ms: int | None
    connect_timeout_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SaslBody:
    """How a Kafka cluster is logged in to."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
    username: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSpec:
    """A record of a Kafka topic, with templates such as {{input.report.id}}."""

    bootstrap_servers: list[str]
    topic: str
    key_template: Any
    value_template: Any
    headers: dict[str, Any] | None
    acks: Literal["all", "leader"] | None
    sasl: SaslBody | None
    tls: BrokerTls | None
    timeout_ms: int | None
    connect_timeout_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointCreate:
    """An endpoint to be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureCallback:
    """What the failure of a job's run sets off: as Callback, and for which ends."""

    endpoint: str | None
    job: str | None
    input: Literal["own", "run"] | None
    statuses: list[Literal["FAILED", "EXPIRED", "CANCELLED"]] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFile:
    """A CRON job as a file has it, by its name. `cron` or `every`, exactly one of them; what is not written
    has its default."""

    name: str
    title: str | None
    endpoint: str
    cron: str | None
    every: str | None
    anchor: datetime | str | None
    timezone: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    max_runs: int | None
    dst_gap: DstGap | None
    dst_overlap: DstOverlap | None
    jitter_seconds: int | None
    overlap: Overlap | None
    catch_up: CatchUp | None
    input: dict[str, Any] | None
    tags: list[str] | None
    on_success: Callback | None
    on_failure: FailureCallback | None
    deadline_seconds: int | None
    priority: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadSpecCreate:
    """A payload spec to be made."""

    schema: dict[str, Any] | bool
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRef:
    """A secret that has to be there. Its value never stands in a file."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceFile:
    """What a workspace is to have, of one set of files. Each resource is known by its name. Several
    documents of a set are one, whatever stands in which."""

    set: str | None
    secrets: list[SecretRef] | None
    configs: list[ConfigCreate] | None
    payload_specs: list[PayloadSpecCreate] | None
    endpoints: list[EndpointCreate] | None
    jobs: list[JobFile] | None
