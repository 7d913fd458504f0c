"""Settings: KRONOS_* environment variables, each with its unit, its default and the reason for it. An invalid value
stops the process at start with an error that names the variable."""

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from kronos import libpq
from kronos.certificates import CertificatesInvalid, read_certificates

# Variables that are not settings: the pipe over which `kronos up` receives its children's signs of life, and the socket
# that it keeps for its API; where the command line finds the API, its key and the workspace; what run-and-ping reads,
# and what it passes to its command; the passwords that `kronos migrate` gives to the logins of the API and the workers,
# and the database it moves old weeks of history to.
_OF_THE_COMMAND_LINE = {
    "KRONOS_HEARTBEAT_FD",
    "KRONOS_HOME",
    "KRONOS_LISTEN_FD",
    "KRONOS_URL",
    "KRONOS_API_KEY",
    "KRONOS_WORKSPACE",
    "KRONOS_CONTEXT",
    "KRONOS_PING_URL",
    "KRONOS_RUN_ID",
    "KRONOS_API_PASSWORD",
    "KRONOS_HISTORY_URL",
    "KRONOS_WORKER_PASSWORD",
}


# RFC 6454 7: a scheme, a host, and a port unless it is the scheme's default.
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?", re.ASCII)
_GROUP = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


class SettingsInvalid(Exception):
    """A KRONOS_* variable is missing or invalid. The message names each such variable and never quotes a secret."""


class Settings(BaseSettings):
    """The settings that a process reads from its environment at start. No secret has a default."""

    model_config = SettingsConfigDict(env_prefix="KRONOS_", extra="forbid", frozen=True)

    database_url: SecretStr
    """postgresql://… of a user that is, or is a member of, kronos_api and kronos_worker; for `kronos migrate`, of an
    administrator."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address the API listens on. The default is loopback, so that nothing is exposed by accident."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of the API; 0 picks a free one."""

    path_prefix: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._-]+)*$")] = ""
    """The prefix that a reverse proxy puts before every path, such as /kronos."""

    max_connections: Annotated[int, Field(ge=10, le=100_000)] = 1000
    """Connections that one API process holds. When all are taken, a new connection replaces the one that has been idle
    longest. An idle connection takes 6 kB, one that is sending a 32 kB head takes 50 kB."""

    max_connections_per_address: Annotated[int, Field(ge=0, le=100_000)] = 500
    """Connections that one API process holds from one address (for IPv6: one /64 network). 0: no such limit, for an API
    whose clients all connect through a proxy."""

    max_requests: Annotated[int, Field(ge=1, le=100_000)] = 500
    """Concurrent requests in one API process. At a millisecond of database time each, the default is half a second of
    work, shared by ten connections."""

    max_url_bytes: Annotated[int, Field(ge=1024, le=65_536)] = 8192
    """The longest URL, in bytes. RFC 9110 recommends at least 8,000."""

    max_header_bytes: Annotated[int, Field(ge=4096, le=1_048_576)] = 32_768
    """The largest request head (URL and headers), in bytes."""

    max_headers: Annotated[int, Field(ge=16, le=10_000)] = 100
    """The most headers in a request."""

    head_seconds: Annotated[float, Field(ge=0.1, le=600)] = 10
    """How long a request's URL and headers may take to arrive after their first byte, in seconds."""

    idle_seconds: Annotated[float, Field(ge=0.1, le=3600)] = 75
    """How long an idle connection is kept open, in seconds. Longer than the 60 s of most load balancers, so that they
    close it first."""

    request_seconds: Annotated[float, Field(ge=1, le=600)] = 10
    """How long a request may take, from reading its body to building its response, in seconds. More than
    database_wait_seconds plus the 5 s that its statement may take."""

    ready_seconds: Annotated[float, Field(ge=0.1, le=600)] = 2
    """How long /readyz may take, in seconds. After that it returns 503 and the reason why PostgreSQL does not
    answer."""

    write_seconds: Annotated[float, Field(ge=0.1, le=600)] = 10
    """How long a client may leave a response unread, in seconds. A client that reads less than 64 kB in that time
    counts as not reading."""

    trusted_proxies: str = ""
    """Networks of the reverse proxies whose X-Forwarded-For and X-Forwarded-Proto headers are trusted, comma separated,
    such as 127.0.0.1/32,10.0.0.0/8. Empty: the peer of the connection is the caller."""

    cors_origins: str = ""
    """Origins whose pages may call the API from a browser, comma separated and exact, such as
    https://console.example.com; * allows all. Empty: CORS is off."""

    rate_limit: Annotated[int, Field(ge=1, le=100_000_000)] | None = 300_000
    """Requests per minute of one key, over all API processes together; `off`: no limit. The default is more than one
    process can serve, so that one key cannot take over a fleet. Applies to the whole instance: stored in the database
    like catch_up_immediate."""

    event_streams: Annotated[int, Field(ge=1, le=100_000)] = 500
    """Event streams that one API process serves concurrently. Each is a connection and counts toward
    max_connections."""

    event_streams_per_workspace: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Event streams that one API process serves concurrently for one workspace."""

    event_streams_per_key: Annotated[int, Field(ge=1, le=100_000)] = 50
    """Event streams that one API process serves concurrently for one key, or for one person's session."""

    admin_key_file: Path | None = None
    """The file of the instance administrator's key. If it does not exist, it is created with mode 0600. Unset: no key
    is created."""

    database_pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    """Database connections of one API process. A statement takes about a millisecond, so ten connections serve
    thousands of requests per second."""

    database_wait_seconds: Annotated[float, Field(ge=0.1, le=60)] = 3
    """How long a request waits for one of these connections before it fails with 503, in seconds. For a connection to
    the replica the wait is 1 s, because the request can fall back to the primary."""

    database_read_url: SecretStr | None = None
    """A replica that may serve the API's lists and reads; same format as database_url. Unset: the primary serves
    everything."""

    read_max_lag_seconds: Annotated[float, Field(ge=0.1, le=3600)] = 10
    """How far the replica may lag, in seconds. Beyond that the primary serves the reads."""

    worker_concurrency: Annotated[int, Field(ge=1, le=5000)] = 300
    """Concurrent deliveries of one workspace in one worker process; all workspaces together may have a tenth more.
    Deliveries mostly wait for receivers, so this may be many times the number of cores."""

    worker_groups: Annotated[str, Field(pattern=rf"^({_GROUP}(,{_GROUP})*)?$")] = ""
    """The endpoint groups that a worker delivers to, comma separated; `default` stands for endpoints without a group.
    Empty: only endpoints without a group."""

    lease_seconds: Annotated[float, Field(ge=1, le=3600)] = 15
    """Shortest lease of a claim, in seconds. A claim's lease is this, or the endpoint's timeout plus 5 s if that is
    longer."""

    poll_seconds: Annotated[float, Field(ge=0.05, le=60)] = 1
    """How often a worker looks for work without being woken, in seconds: the fallback for a missed NOTIFY."""

    shutdown_seconds: Annotated[float, Field(ge=0, le=3600)] = 10
    """How long a process waits for running deliveries after SIGTERM, in seconds. Deliveries that are still running then
    are cut off, recorded as UNKNOWN and released."""

    hung_after_seconds: Annotated[float, Field(ge=5, le=3600)] = 30
    """`kronos up` replaces an API or worker process that has given no sign of life for this long, in seconds. The
    process's event loop gives one every second."""

    catch_up_immediate: Annotated[int, Field(ge=1, le=10000)] = 5
    """Missed deliveries, over all jobs together, that start immediately after an outage. Applies to the whole instance:
    `kronos migrate` and `up` store it in the database."""

    catch_up_stagger_seconds: Annotated[int, Field(ge=0, le=3600)] = 5
    """Seconds between the missed deliveries that follow those. Stored like catch_up_immediate."""

    retention_success_days: Annotated[int, Field(ge=1, le=36500)] = 30
    """How many days executions that ended SUCCESS, SKIPPED or CANCELLED, and jobs that have ended, are kept. A
    workspace may override it. Stored like catch_up_immediate."""

    retention_failure_days: Annotated[int, Field(ge=1, le=36500)] = 90
    """How many days executions that ended FAILED, MISSED or EXPIRED are kept: longer, because causes are investigated
    later. Stored like catch_up_immediate."""

    retention_run_details_days: Annotated[int, Field(ge=1, le=36500)] = 7
    """How many days pg_cron's log of Kronos's rings (cron.job_run_details) is kept. It is evidence of a ring, never
    of a tick. Stored like catch_up_immediate."""

    retention_audit_days: Annotated[int, Field(ge=1, le=36500)] = 400
    """How many days the audit log is kept. Stored like catch_up_immediate."""

    alarms: Literal["auto", "own", "shared"] = "auto"
    """Whether CRON jobs that ring at the same times share a pg_cron entry: `own` gives each job its own entry, `auto`
    shares entries once there are 2,000 jobs. Stored like catch_up_immediate; the entries follow within minutes."""

    egress_allow: str = ""
    """Networks that deliveries may reach in addition to public addresses, comma separated, such as
    10.1.0.0/16,127.0.0.0/8."""

    ca_file: Path | None = None
    """A PEM file of certificate authorities that are trusted for receivers in addition to the operating system's. Read
    again when it changes."""

    encryption_key_file: Path | None = None
    """The keys that secrets are encrypted under: 32 bytes in base64 per line. The first encrypts, all decrypt. Mode
    0600; `kronos migrate` creates the file if it does not exist. Needed by the API and the workers; without it no
    secret can be stored."""

    oidc_issuer: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$", max_length=2048)] | None = None
    """The identity provider through which people sign in (OpenID Connect), exactly as its tokens name it. Its
    configuration is read from a path below this URL. Unset: people cannot sign in, only keys work. http is
    allowed only on this machine."""

    oidc_client_id: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """This instance's client id at the provider; required with an issuer."""

    oidc_client_secret_file: Path | None = None
    """The file of the client's secret. Unset for a public client, which is authenticated by PKCE only."""

    oidc_redirect_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+/auth/callback$", max_length=2048)] | None = (
        None
    )
    """The URL at which browsers reach …/auth/callback of this API, as registered with the provider; required with an
    issuer. Writes with a session must come from its origin."""

    oidc_scopes: Annotated[str, Field(pattern=r"^openid( [\x21\x23-\x5b\x5d-\x7e]+)*$", max_length=500)] = (
        "openid profile email"
    )
    """The scopes requested from the provider. Some providers need `groups` here to put groups into the ID token."""

    oidc_groups_claim: Annotated[str, Field(min_length=1, max_length=255)] = "groups"
    """The claim of the ID token that lists a person's groups."""

    oidc_session_seconds: Annotated[int, Field(ge=60, le=30 * 24 * 3600)] = 8 * 3600
    """How long a person stays signed in."""

    key_session_seconds: Annotated[int, Field(ge=60, le=30 * 24 * 3600)] = 12 * 3600
    """How long a person who signed in with a key stays signed in; never longer than the key is valid."""

    encryption_key_command: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """A command that prints the keys, used instead of encryption_key_file: for example one that asks a KMS. Run without
    a shell, with 10 s to finish, at start and when a secret is under a key that is not known yet."""

    metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """A port on which this process serves /metrics without a key; unset: none. With `kronos up` it is the API's port,
    and its workers use the ports that follow."""

    metrics_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address of the metrics port. The default is loopback, because requests there need no key."""

    log_format: Literal["text", "json"] = "text"
    """text for people, json for log collectors: one object per line."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, given: str) -> str:
        networks(given)
        return given

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, given: str) -> str:
        origins(given)
        return given

    @field_validator("rate_limit", mode="before")
    @classmethod
    def _may_be_off(cls, given: object) -> object:
        return None if given == "off" else given

    @field_validator("ca_file")
    @classmethod
    def _has_certificates(cls, path: Path | None) -> Path | None:
        if path is not None:
            try:
                read_certificates(path)
            except CertificatesInvalid as error:
                why = str(error).encode(errors="backslashreplace").decode()  # pydantic cannot show other names of files
                raise PydanticCustomError("certificates", "{why}", {"why": why}) from error
        return path

    @field_validator("database_url", "database_read_url")
    @classmethod
    def _can_be_meant(cls, given: SecretStr | None) -> SecretStr | None:
        """Check the URL, without surrounding whitespace: a file's trailing newline is not part of it."""
        if given is None:
            return None
        url = given.get_secret_value().strip()
        if fault := libpq.fault_of(url):
            raise ValueError(fault)
        return SecretStr(url)


def networks(given: str) -> list[str]:
    """Return the networks of a comma-separated list, each IPv4 network also in its IPv4-mapped IPv6 form, which IPv6
    sockets report. Raises ValueError."""
    found: list[str] = []
    for text in filter(None, map(str.strip, given.split(","))):
        try:
            network = ipaddress.ip_network(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a network: write 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32") from None
        found.append(str(network))
        if network.version == 4:
            found.append(str(ipaddress.ip_network(f"::ffff:{network.network_address}/{96 + network.prefixlen}")))
    return found


def origins(given: str) -> list[str]:
    """Return the origins of a comma-separated list, as browsers write them. Raises ValueError."""
    found = [text for text in map(str.strip, given.split(",")) if text]
    for text in found:
        if text != "*" and not _ORIGIN.fullmatch(text):
            raise ValueError(
                f"{text!r} is not an origin: write https://console.example.com, in lower case, with a port only if it "
                "is not the scheme's default, and without a path; or * for all"
            )
    if "*" in found and len(found) > 1:
        raise ValueError("* allows all origins: remove the others")
    return found


def load(**overrides: object) -> Settings:
    """Return this process's settings; `overrides` take precedence over the environment. Raises SettingsInvalid, which
    names every invalid variable."""
    try:
        # pydantic checks them
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = "; ".join(
            _said(str(each["loc"][0]), each["type"], each["msg"]) for each in error.errors(include_input=False)
        )
        raise SettingsInvalid(wrong) from None


def _said(field: str, kind: str, message: str) -> str:
    name = f"KRONOS_{field.upper()}"
    if kind == "missing":
        return f"{name} is not set: set it to postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
    return f"{name} {message.removeprefix('Value error, ')}" if kind == "value_error" else f"{name}: {message}"


def unknown_variables() -> list[str]:
    """Return the KRONOS_* variables that this release does not know: mostly typos."""
    known = {f"KRONOS_{name.upper()}" for name in Settings.model_fields} | _OF_THE_COMMAND_LINE
    return sorted(name for name in os.environ if name.startswith("KRONOS_") and name not in known)
