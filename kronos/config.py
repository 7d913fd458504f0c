"""Settings: KRONOS_* environment variables, each with its unit, default and why; wrong ones end the start with a
sentence."""

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

# The pipe that `kronos up` hears its children by, the socket that it keeps for its API; where the command line finds
# the API, its key and the workspace; what run-and-ping is told, and tells its command; the passwords that `kronos
# migrate` gives to the API's and the workers' logins, and where its old weeks of history go.
_OF_THE_COMMAND_LINE = {
    "KRONOS_HEARTBEAT_FD",
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


# RFC 6454 7: a scheme, a host, and a port where it is not the scheme's own.
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?", re.ASCII)
_GROUP = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


class SettingsInvalid(Exception):
    """A KRONOS_* variable is missing or has a value that cannot be. The message names each and never quotes a
    secret."""


class Settings(BaseSettings):
    """What a process reads from its environment at start. There is no default for anything secret."""

    model_config = SettingsConfigDict(env_prefix="KRONOS_", extra="forbid", frozen=True)

    database_url: SecretStr
    """postgresql://… of a user that is, or is a member of, kronos_api and kronos_worker; an administrator's for `kronos
    migrate`."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address the API listens on. Loopback, so that nothing is exposed by accident."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of the API; 0 takes a free one."""

    path_prefix: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._-]+)*$")] = ""
    """What a reverse proxy puts before every path, e.g. /kronos."""

    max_connections: Annotated[int, Field(ge=10, le=100_000)] = 1000
    """Connections that one API process holds. Where there is no room, the one that has waited longest without a request
    yields. Idle ones take 6 kB each, those whose head of 32 kB is coming 50."""

    max_connections_per_address: Annotated[int, Field(ge=0, le=100_000)] = 500
    """The same of one address (of IPv6: one network of 64 bits). 0: no such limit, for an API whose callers all come
    through a proxy."""

    max_requests: Annotated[int, Field(ge=1, le=100_000)] = 500
    """Requests under way at once in one API process: at a millisecond of database each, half a second's work for ten
    connections."""

    max_url_bytes: Annotated[int, Field(ge=1024, le=65_536)] = 8192
    """The longest URL, in bytes. RFC 9110 asks for 8,000."""

    max_header_bytes: Annotated[int, Field(ge=4096, le=1_048_576)] = 32_768
    """The largest head of a request, URL and headers, in bytes."""

    max_headers: Annotated[int, Field(ge=16, le=10_000)] = 100
    """The most headers of a request."""

    head_seconds: Annotated[float, Field(ge=0.1, le=600)] = 10
    """How long a request's URL and headers may take from their first byte, in seconds."""

    idle_seconds: Annotated[float, Field(ge=0.1, le=3600)] = 75
    """How long a connection without a request is kept, in seconds: longer than the 60 of most load balancers, which
    then close first."""

    request_seconds: Annotated[float, Field(ge=1, le=600)] = 10
    """How long a request may take, its body and its answer's making included, in seconds: above
    database_wait_seconds and the 5 s of its statement."""

    ready_seconds: Annotated[float, Field(ge=0.1, le=600)] = 2
    """How long /readyz may take, in seconds: past it the answer is 503, with why PostgreSQL does not answer."""

    write_seconds: Annotated[float, Field(ge=0.1, le=600)] = 10
    """How long a caller may leave an answer unread, in seconds; one that reads less than 64 kB in such a time is not
    reading."""

    trusted_proxies: str = ""
    """Networks of the reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, comma separated, e.g.
    127.0.0.1/32,10.0.0.0/8. None: whoever connects is the caller."""

    cors_origins: str = ""
    """Origins whose pages may call the API from a browser, comma separated, exact: https://console.example.com; or *
    for all. None: CORS is off."""

    rate_limit: Annotated[int, Field(ge=1, le=100_000_000)] | None = 300_000
    """Requests a minute of one key, in all API processes together; `off`: any number. More than one process serves, so
    that one key does not take a fleet. The instance's: stored as catch_up_immediate is."""

    event_streams: Annotated[int, Field(ge=1, le=100_000)] = 500
    """Streams of events that one API process serves at once: each is a connection, and counts among max_connections."""

    event_streams_per_workspace: Annotated[int, Field(ge=1, le=100_000)] = 200
    """The same of one workspace."""

    event_streams_per_key: Annotated[int, Field(ge=1, le=100_000)] = 50
    """The same of one key, or of one person's session."""

    admin_key_file: Path | None = None
    """Where the instance administrator's key is kept: written with mode 0600 if it is not there; without it no key is
    made."""

    database_pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    """Connections of one API process. A statement takes about a millisecond, so ten serve thousands of requests a
    second."""

    database_wait_seconds: Annotated[float, Field(ge=0.1, le=60)] = 3
    """How long a request waits for one of these connections before it is answered 503, in seconds; 1 for a connection
    to the replica, which has the primary to go to."""

    database_read_url: SecretStr | None = None
    """A replica that lists and reads of the API may be answered from; written as database_url. None: all from the
    primary."""

    read_max_lag_seconds: Annotated[float, Field(ge=0.1, le=3600)] = 10
    """How old the replica's data may be, in seconds; past that the primary answers."""

    worker_concurrency: Annotated[int, Field(ge=1, le=5000)] = 300
    """Deliveries of one workspace under way at once in one worker process; of all together a tenth more. They wait for
    receivers, so it may be many times the cores."""

    worker_groups: Annotated[str, Field(pattern=rf"^({_GROUP}(,{_GROUP})*)?$")] = ""
    """The groups of endpoints that a worker delivers to, separated by commas; `default` is those that name none. None:
    only those that name none."""

    lease_seconds: Annotated[float, Field(ge=1, le=3600)] = 15
    """Shortest lease of a claim, in seconds. A claim's lease is this, or the endpoint's timeout and 5 s where that is
    more."""

    poll_seconds: Annotated[float, Field(ge=0.05, le=60)] = 1
    """How often a worker looks for work without being woken, in seconds: the net under LISTEN/NOTIFY."""

    shutdown_seconds: Annotated[float, Field(ge=0, le=3600)] = 10
    """How long SIGTERM waits for deliveries under way, in seconds; what is left then is cut off, recorded as UNKNOWN
    and given back."""

    hung_after_seconds: Annotated[float, Field(ge=5, le=3600)] = 30
    """`kronos up` replaces an API or a worker without a sign of life for this long, in seconds. Its event loop gives a
    sign each second."""

    catch_up_immediate: Annotated[int, Field(ge=1, le=10000)] = 5
    """Missed deliveries, over all jobs together, that start at once after an outage. The instance's: `kronos migrate`
    and `up` store it."""

    catch_up_stagger_seconds: Annotated[int, Field(ge=0, le=3600)] = 5
    """Seconds from one of the others to the next. Stored as catch_up_immediate is."""

    retention_success_days: Annotated[int, Field(ge=1, le=36500)] = 30
    """Days for which executions that ended well (SUCCESS, SKIPPED, CANCELLED) are kept, and jobs that are over. A
    workspace may have its own. Stored as catch_up_immediate is."""

    retention_failure_days: Annotated[int, Field(ge=1, le=36500)] = 90
    """Days for which those that did not (FAILED, MISSED, EXPIRED) are kept: causes are looked for later. Stored too."""

    retention_run_details_days: Annotated[int, Field(ge=1, le=36500)] = 7
    """Days for which pg_cron's log of our rings (cron.job_run_details) is kept: evidence of a ring, never of a tick.
    Stored too."""

    retention_audit_days: Annotated[int, Field(ge=1, le=36500)] = 400
    """Days for which the audit keeps who changed what. Stored too."""

    alarms: Literal["auto", "own", "shared"] = "auto"
    """Whether CRON jobs that ring alike share an entry of pg_cron: `own` gives each job one, `auto` shares them once
    there are 2,000 jobs. Stored too; the entries follow within minutes."""

    egress_allow: str = ""
    """Networks that deliveries may reach besides public addresses, comma separated, e.g. 10.1.0.0/16,127.0.0.0/8."""

    ca_file: Path | None = None
    """Authorities whose receivers' certificates are trusted besides the operating system's: a PEM file, read again when
    it changes."""

    encryption_key_file: Path | None = None
    """The keys that secrets are encrypted under, one of 32 bytes in base64 on each line: the first encrypts, all
    decrypt. Mode 0600; `kronos migrate` makes it if it is not there. For the API and the workers; without it no secret
    can be stored."""

    oidc_issuer: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$", max_length=2048)] | None = None
    """The identity provider by which people sign in (OpenID Connect), as its tokens name it; its configuration is read
    below it. Unset: nobody signs in, there are keys alone. http only on this machine."""

    oidc_client_id: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """What the provider knows this instance as; needed with an issuer."""

    oidc_client_secret_file: Path | None = None
    """The client's secret, in a file; none for a public client, whose proof is PKCE alone."""

    oidc_redirect_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+/auth/callback$", max_length=2048)] | None = (
        None
    )
    """Where browsers reach …/auth/callback of this API, as it is registered with the provider; needed with an issuer.
    Writes with a session must come from its origin."""

    oidc_scopes: Annotated[str, Field(pattern=r"^openid( [\x21\x23-\x5b\x5d-\x7e]+)*$", max_length=500)] = (
        "openid profile email"
    )
    """What is asked of the provider; some need `groups` here, so that the ID token has them."""

    oidc_groups_claim: Annotated[str, Field(min_length=1, max_length=255)] = "groups"
    """The claim of the ID token that lists a person's groups."""

    oidc_session_seconds: Annotated[int, Field(ge=60, le=30 * 24 * 3600)] = 8 * 3600
    """How long a person stays signed in."""

    key_session_seconds: Annotated[int, Field(ge=60, le=30 * 24 * 3600)] = 12 * 3600
    """How long who has signed in with a key stays so; no longer than the key works."""

    encryption_key_command: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """In place of the file a command that prints the same, e.g. one that asks a KMS; no shell, 10 s, run at start and
    where a secret is under a key that is not known yet."""

    metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """A port on which this process serves /metrics without a key; unset: none. `kronos up`: the API's; its workers
    have those that follow."""

    metrics_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address of that port. Loopback, for nobody who asks there shows a key."""

    log_format: Literal["text", "json"] = "text"
    """text for people, json for collectors: one object a line."""

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
                raise PydanticCustomError("certificates", "{why}", {"why": str(error)}) from error
        return path

    @field_validator("database_url", "database_read_url")
    @classmethod
    def _can_be_meant(cls, given: SecretStr | None) -> SecretStr | None:
        """A file's last line end is not meant."""
        if given is None:
            return None
        url = given.get_secret_value().strip()
        if fault := libpq.fault_of(url):
            raise ValueError(fault)
        return SecretStr(url)


def networks(given: str) -> list[str]:
    """The networks of a comma separated list, those of IPv4 also as a socket of IPv6 shows them. Raises ValueError."""
    found: list[str] = []
    for text in filter(None, map(str.strip, given.split(","))):
        try:
            network = ipaddress.ip_network(text)
        except ValueError:
            raise ValueError(f"{text!r} is no network: write 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32") from None
        found.append(str(network))
        if network.version == 4:
            found.append(str(ipaddress.ip_network(f"::ffff:{network.network_address}/{96 + network.prefixlen}")))
    return found


def origins(given: str) -> list[str]:
    """The origins of a comma separated list, as browsers write them. Raises ValueError."""
    found = [text for text in map(str.strip, given.split(",")) if text]
    for text in found:
        if text != "*" and not _ORIGIN.fullmatch(text):
            raise ValueError(
                f"{text!r} is no origin: write https://console.example.com, in lower case, with a port where it is not "
                "the scheme's own, and no path; or * for all"
            )
    if "*" in found and len(found) > 1:
        raise ValueError("* is all origins: leave the others out")
    return found


def load(**overrides: object) -> Settings:
    """The settings of this process: `overrides` before the environment. Raises SettingsInvalid, naming every wrong
    variable."""
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
        return f"{name} is not set: it is to be postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
    return f"{name} {message.removeprefix('Value error, ')}" if kind == "value_error" else f"{name}: {message}"


def unknown_variables() -> list[str]:
    """KRONOS_* variables that mean nothing to this release: typos, mostly."""
    known = {f"KRONOS_{name.upper()}" for name in Settings.model_fields} | _OF_THE_COMMAND_LINE
    return sorted(name for name in os.environ if name.startswith("KRONOS_") and name not in known)
