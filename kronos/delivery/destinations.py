"""Destinations of messages: a Redis stream, a Kafka topic, mailboxes on a mail server. Validation and description; no
I/O."""

import re
from collections.abc import Sequence
from dataclasses import field, replace

from kronos.delivery.egress import EgressPolicy, check_host
from kronos.delivery.headers import reserved
from kronos.delivery.outcome import ErrorType
from kronos.delivery.refused import Refused, pointer_to
from kronos.delivery.sanitise import json_bytes, storable_text
from kronos.records import dataclass

REDIS_PORTS = frozenset({6379, 6380})
KAFKA_PORTS = frozenset({9092})
"""The brokers' ports, which HTTP deliveries may not use."""
MAIL_PORTS = frozenset({25, 465, 587, 2525})
MAX_PAIRS = 64
MAX_PAIR_NAME = 128
MAX_MESSAGE_BYTES = 1024 * 1024
_REDIS_URL = re.compile(
    r"(?P<scheme>rediss?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^/:@?#\[\]\s]+)(?::(?P<port>[0-9]{1,5}))?(?:/(?P<db>[0-9]{1,5})?)?",
    re.ASCII,
)
_MAIL_URL = re.compile(
    r"(?P<scheme>smtps?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^/:@?#\[\]\s]+)(?::(?P<port>[0-9]{1,5}))?/?", re.ASCII
)
_MAIL_HINT = "Write smtp://host:587, or smtps://host:465 for TLS; user and password are separate fields."
_BROKER = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^/:@?#\[\]\s]+):(?P<port>[0-9]{1,5})", re.ASCII)
_REDIS_HINT = "Write redis://host:6379/0, or rediss://host:6380/0 for TLS; user and password are separate fields."


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """PEM texts: an additional trusted authority, and the client certificate."""

    ca_certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """A server, as connected to by one client; equal servers share connections."""

    host: str
    port: int
    db: int
    tls: Tls | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The URL without secrets."""
        return f"{'redis' if self.tls is None else 'rediss'}://{_shown(self.host)}:{self.port}/{self.db}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisStream:
    """A stream of a server. `max_len`: older entries are removed; unless it is exact, a few more are kept."""

    server: RedisServer
    stream: str
    max_len: int | None = None
    is_approximate: bool = True
    connect_seconds: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sasl:
    """The client's credentials."""

    mechanism: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaCluster:
    """A cluster, as connected to by one client; equal clusters share the client."""

    bootstrap: tuple[tuple[str, int], ...]
    tls: Tls | None = None
    sasl: Sasl | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaTopic:
    """A topic of a cluster. `needs_all`: a record is acknowledged only when every in-sync replica has it."""

    cluster: KafkaCluster
    topic: str
    needs_all: bool = True
    connect_seconds: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """A mail server. `tls`: None means no encryption. `is_tls_first`: TLS from the start (smtps), otherwise
    STARTTLS."""

    host: str
    port: int
    is_tls_first: bool
    tls: Tls | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The URL without secrets."""
        return f"{'smtps' if self.is_tls_first else 'smtp'}://{_shown(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """The recipients of a mail, and its server."""

    server: MailServer
    sender: str
    to: tuple[str, ...]
    connect_seconds: float = 10.0


Destination = RedisStream | KafkaTopic | Mail


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message to send. `pairs` are an entry's fields or a record's headers; a record also has a key and a value."""

    pairs: Sequence[tuple[str, bytes]] = field(repr=False)
    key: bytes | None = field(default=None, repr=False)
    value: bytes = field(default=b"", repr=False)

    @property
    def bytes(self) -> int:
        """The size of everything its author chose, and of the names."""
        return len(self.value) + len(self.key or b"") + sum(len(name) + len(value) for name, value in self.pairs)


class BrokerError(Exception):
    """Why a message was not acknowledged: a sentence for people, in our words only.

    `is_unknown`: the message was sent, and whether the broker has it is not known.
    """

    def __init__(self, kind: ErrorType, message: str, *, is_retryable: bool = True, is_unknown: bool = False) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message
        self.is_retryable, self.is_unknown = is_retryable, is_unknown


def redis_server(url: str, policy: EgressPolicy) -> RedisServer:
    """Return the server named by a URL, without credentials. Raises Refused."""
    if "@" in url.partition("?")[0]:
        hint = "Write user name and password in spec.username and spec.password."
        raise Refused("url_userinfo", "the URL has a user name or password before its host", hint=hint)
    if not (found := _REDIS_URL.fullmatch(url)):
        raise Refused("url_malformed", "this is not the URL of a Redis server", hint=_REDIS_HINT)
    is_tls = found["scheme"] == "rediss"
    host, port = found["host"].strip("[]"), int(found["port"] or 6379)
    _check_host(host, port, replace(policy, ports=REDIS_PORTS))
    return RedisServer(host=host, port=port, db=int(found["db"] or 0), tls=Tls() if is_tls else None)


def mail_server(url: str, policy: EgressPolicy) -> MailServer:
    """Return the server named by a URL, without credentials. Raises Refused."""
    if "@" in url.partition("?")[0]:
        hint = "Write user name and password in spec.username and spec.password."
        raise Refused("url_userinfo", "the URL has a user name or password before its host", hint=hint)
    if not (found := _MAIL_URL.fullmatch(url)):
        raise Refused("url_malformed", "this is not the URL of a mail server", hint=_MAIL_HINT)
    is_first = found["scheme"] == "smtps"
    host, port = found["host"].strip("[]"), int(found["port"] or (465 if is_first else 587))
    _check_host(host, port, replace(policy, ports=MAIL_PORTS))
    return MailServer(host=host, port=port, is_tls_first=is_first)


def kafka_brokers(servers: Sequence[str], policy: EgressPolicy) -> tuple[tuple[str, int], ...]:
    """Return the brokers that a client contacts first. Raises Refused."""
    return tuple(_broker(server, policy, pointer_to(at)) for at, server in enumerate(servers))


def check_pairs(names: Sequence[str], what: str) -> None:
    """Check the names of fields or headers. Names that identify the execution are reserved for Kronos. Raises
    Refused."""
    if len(names) > MAX_PAIRS:
        raise Refused("too_many_pairs", f"{len(names)} {what}s are set; at most {MAX_PAIRS} are allowed")
    for name in names:
        if not 0 < len(name) <= MAX_PAIR_NAME:
            message = f"the name of a {what} has {len(name)} characters"
            raise Refused("pair_name", message, hint=f"Use 1 to {MAX_PAIR_NAME}.", pointer=pointer_to(name[:64]))
        if reserved(name):
            message = f"the {what} {name} cannot be set"
            raise Refused("pair_reserved", message, hint="Kronos sets it; use another name.", pointer=pointer_to(name))


def described(to: Destination, message: Message) -> str:
    """Return a message as attempts store it, without values and passwords."""
    names = [storable_text(name, max_bytes=MAX_PAIR_NAME) for name, _ in message.pairs]
    if isinstance(to, RedisStream):
        shown = {"type": "REDIS_STREAM", "url": to.server.url, "stream": to.stream, "fields": names}
    elif isinstance(to, Mail):
        shown = {"type": "EMAIL", "url": to.server.url, "from": to.sender, "to": list(to.to), "headers": names}
    else:
        brokers = [f"{_shown(host)}:{port}" for host, port in to.cluster.bootstrap]
        shown = {"type": "KAFKA", "bootstrap_servers": brokers, "topic": to.topic, "headers": names}
    return json_bytes({**shown, "body_bytes": message.bytes}).decode()


def _broker(server: str, policy: EgressPolicy, pointer: str) -> tuple[str, int]:
    if not (found := _BROKER.fullmatch(server)):
        raise Refused("url_malformed", "this is not a broker's address", hint="Write host:9092.", pointer=pointer)
    host, port = found["host"].strip("[]"), int(found["port"])
    _check_host(host, port, replace(policy, ports=KAFKA_PORTS), pointer)
    return host, port


def _check_host(host: str, port: int, policy: EgressPolicy, pointer: str = "") -> None:
    if not 0 < port <= 65535:
        raise Refused("url_malformed", f"{port} is not a valid port", hint="Use 1 to 65535.", pointer=pointer)
    try:
        check_host(host, port, policy)
    except Refused as refused:
        raise Refused(refused.code, refused.message, hint=refused.hint, pointer=pointer) from None


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
