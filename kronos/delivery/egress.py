"""Where deliveries may go. Each layer stops an attack by itself: the URL's form, the resolver, the socket.

check_url          when an endpoint is saved and before each delivery; checks the form and literal addresses, no DNS
checked_addresses  every address a name resolves to, at each connection; only these are used, so names cannot be rebound
open_socket        every TCP connection; the last line of defense, which also sees literal addresses in a URL
"""

import re
import socket
from functools import lru_cache, partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Protocol, Self, TypeAlias
from urllib.parse import quote

from yarl import URL

from kronos.delivery.refused import Refused
from kronos.records import dataclass

# IANA's special-purpose registries, multicast, class E, and 168.63.129.16: Azure's wireserver, which looks public.
# A table, not ipaddress.is_global: on Python 3.11.7 that accepts 30 of the 74 addresses that tests/unit/test_egress.py
# expects to be rejected, among them NAT64 of 127.0.0.1.
# fmt: off
_V4_REFUSED = tuple(IPv4Network(text) for text in (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
))
# fmt: on
# IPv6 the other way round: global unicast only, without Teredo, ORCHID, benchmarking, documentation, 6to4, AS112.
_V6_GLOBAL_UNICAST = IPv6Network("2000::/3")
_V6_REFUSED = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
_V4_LOOPBACK = IPv4Network("127.0.0.0/8")
_V6_LOOPBACK = IPv6Network("::1/128")

# Databases, brokers, caches and orchestrators: targets of an attacker's forged POST.
_INFRASTRUCTURE_PORTS = frozenset({
    1080, 1433, 1521, 2049, 2375, 2376, 2379, 2380, 3306, 3389, 4369, 5432, 5433, 5672, 5900, 6379, 6380, 6432,
    8125, 9042, 9092, 9200, 9300, 10250, 10255, 11211, 15672, 25672, 27017, 50070,
})  # fmt: skip
MAX_URL_CHARACTERS = 2048
_MAX_ADDRESSES = 32
# Maximum length of a cached authority: 1,024 of them take a few hundred kilobytes.
_MAX_CACHED_CHARACTERS = 256
_BAD_CHARACTER = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")
# The raw text is checked too, so that no difference between two parsers can hide an authority.
_SHAPE = re.compile(r"https?://(?P<authority>[^/?#@]+)(?:[/?]|$)", re.IGNORECASE)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)

_FORM_HINT = "Use an absolute URL such as https://example.com/hooks/report."
_ALLOW_HINT = "Use a public address, or have the operator add the network to KRONOS_EGRESS_ALLOW."
_PORT_HINT = "Use 80, 443, or a port from 1024 on that databases, brokers and orchestrators do not use."
_PORT_REFUSED = "a port that deliveries may not use"


AddrInfo: TypeAlias = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[object, ...]]
"""A target as getaddrinfo returns it, and as happy eyeballs pass it to a socket."""


class AddressRefused(OSError):
    """A connection to an address or port that deliveries may not reach.

    An OSError, because happy eyeballs pass only those on to the caller.
    """


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """The targets that deliveries may reach: public addresses, and the networks that the operator allowed."""

    allow: tuple[IPv4Network | IPv6Network, ...] = ()
    ports: frozenset[int] = frozenset()
    """The infrastructure ports that this transport itself uses: a message to them is not forged."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse KRONOS_EGRESS_ALLOW: networks or addresses, separated by commas. Raises ValueError."""
        if not text.strip():
            return cls()
        return cls(tuple(_network(entry.strip()) for entry in text.split(",")))

    def allows(self, address: IPv4Address | IPv6Address) -> bool:
        """Whether the operator allowed this address; it may then be reached on any port."""
        return any(address in network for network in self.allow)

    def refusal(self, host: str, port: int) -> str | None:
        """Return why connections to this address and port are not allowed, or None if they are."""
        try:
            address = ip_address(host)
        except ValueError:
            return "not an address"
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            return "an address of one network interface"
        if self.allows(address):
            return None
        return _special(address) or self.port_refusal(port)

    def port_refusal(self, port: int) -> str | None:
        """Return why connections to this port of a public address are not allowed, or None if they are."""
        return None if port in self.ports else _port_refusal(port)

    def may_allow_name(self, name: str) -> bool:
        """Whether a name could stand for an allowed address: localhost for loopback, others for other networks."""
        return any(_has_loopback(network) if name == "localhost" else _has_others(network) for network in self.allow)


@dataclass(frozen=True, slots=True)
class Destination:
    """A checked URL, in exactly the form in which it is requested."""

    is_tls: bool
    host: str
    """A name in ASCII or an address, without brackets."""
    port: int
    authority: str
    """The value of the Host header."""
    target: str
    """The path and query exactly as written: nothing is decoded, re-encoded or resolved, so that signed URLs stay
    valid."""

    @property
    def url(self) -> str:
        """The requested URL, in ASCII."""
        return f"{'https' if self.is_tls else 'http'}://{self.authority}{self.target}"


def check_url(text: str, policy: EgressPolicy) -> Destination:
    """Return the URL's destination, if its form, its port and a literal address in it are allowed.

    Does no DNS query: checked_addresses checks a name when it is connected to. Raises Refused.
    """
    url = _parse(text)
    host, port = url.raw_host, url.port
    if not host or not port:
        raise Refused("url_malformed", "the URL names no host or no valid port", hint=_FORM_HINT)
    check_host(host, port, policy)
    is_tls = url.scheme == "https"
    shown = f"[{host}]" if ":" in host else host
    return Destination(
        is_tls=is_tls,
        host=host,
        port=port,
        authority=shown if port == (443 if is_tls else 80) else f"{shown}:{port}",
        target=_target(text),
    )


class CheckedUrls:
    """check_url with a cache, for many URLs with the same authorities. An authority is checked once (16 us), and
    only the rest of each URL."""

    def __init__(self, policy: EgressPolicy) -> None:
        self._policy = policy
        self._of_authority = lru_cache(maxsize=1024)(partial(check_url, policy=policy))

    def check(self, text: str) -> Destination:
        """Like check_url. Raises Refused."""
        shape = _SHAPE.match(text)
        if (
            shape is None
            or shape.end("authority") > _MAX_CACHED_CHARACTERS
            or len(text) > MAX_URL_CHARACTERS
            or "#" in text
            or _BAD_CHARACTER.search(text)
        ):
            return check_url(text, self._policy)
        place = self._of_authority(text[: shape.end("authority")])
        return Destination(
            is_tls=place.is_tls, host=place.host, port=place.port, authority=place.authority, target=_target(text)
        )


def check_host(host: str, port: int, policy: EgressPolicy) -> None:
    """Check that a name or literal address, and its port, are allowed. Does no DNS query. Raises Refused."""
    try:
        address = ip_address(host)
    except ValueError:
        _check_name(host.lower().removesuffix("."), port, policy)
    else:
        if why := policy.refusal(str(address), port):
            raise _refused_target(why, f"{host} port {port}")


def _target(text: str) -> str:
    """Return everything after the authority. Only characters that HTTP cannot carry are percent-encoded, as UTF-8."""
    shape = _SHAPE.match(text)
    rest = text[shape.end("authority") :] if shape else ""
    if not rest.startswith("/"):
        rest = f"/{rest}"
    return rest if rest.isascii() else "".join(letter if letter.isascii() else quote(letter) for letter in rest)


def redacted(text: str) -> str:
    """Return a URL of any form without its possible secrets: no userinfo, no fragment, only the names of the query."""
    text, _, _ = text[:MAX_URL_CHARACTERS].partition("#")
    base, question_mark, query = text.partition("?")
    scheme, separator, rest = base.partition("://")
    if separator:
        authority, slash, path = rest.partition("/")
        base = f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
    if not question_mark:
        return base
    return f"{base}?{'&'.join(_redacted_pair(pair) for pair in query.split('&'))}"


class Resolver(Protocol):
    """Finds a name's addresses."""

    async def resolve(self, host: str) -> list[str]:
        """Return every address of the name, as text. Raises OSError."""
        ...

    async def close(self) -> None:
        """Stop resolving."""
        ...


async def checked_addresses(policy: EgressPolicy, resolver: Resolver, host: str, port: int) -> list[str]:
    """Return the addresses of a name, but only if all of them are allowed. Raises AddressRefused, OSError."""
    is_localhost = host.lower().removesuffix(".") == "localhost"
    found = await resolver.resolve("localhost" if is_localhost else host)
    if is_localhost:
        # localhost is 127.0.0.1 and ::1 on most machines; the operator may have allowed only one of them.
        found = [address for address in found if not policy.refusal(address, port)] or found
    if not 0 < len(found) <= _MAX_ADDRESSES:
        raise AddressRefused(f"the name resolves to {len(found)} addresses")
    for address in found:
        if why := policy.refusal(address, port):
            raise AddressRefused(f"the name resolves to {why}")
    return found


def open_socket(policy: EgressPolicy, info: AddrInfo) -> socket.socket:
    """Return a socket for an allowed target. Raises AddressRefused."""
    family, kind, protocol, _, address = info
    if family not in (socket.AF_INET, socket.AF_INET6):
        raise AddressRefused("not an internet address")
    if why := policy.refusal(str(address[0]), int(str(address[1]))):
        raise AddressRefused(why)
    return socket.socket(family, kind, protocol)


def _parse(text: str) -> URL:
    if len(text) > MAX_URL_CHARACTERS:
        raise Refused("url_too_long", f"the URL has {len(text)} characters; at most {MAX_URL_CHARACTERS} are allowed")
    if found := _BAD_CHARACTER.search(text):
        character = f"character U+{ord(found[0]):04X} at position {found.start()}"
        raise Refused("url_bad_character", f"the URL contains {character}", hint="Percent-encode it, or remove it.")
    if "#" in text:
        raise Refused("url_fragment", "the URL has a fragment, which is never sent", hint="Remove # and what follows.")
    try:
        url = URL(text)
        _ = url.port  # yarl checks the port lazily
    except ValueError as error:
        raise Refused("url_malformed", "the URL cannot be parsed", hint=_FORM_HINT) from error
    if url.scheme not in ("http", "https"):
        raise Refused("url_scheme", "the URL's scheme is neither http nor https", hint=_FORM_HINT)
    if "@" in url.raw_authority or re.match(r"[^/?]*//[^/?]*@", text):
        hint = "Send credentials in a header, such as Authorization."
        raise Refused("url_userinfo", "the URL has a user name or password before its host", hint=hint)
    if not _SHAPE.match(text):
        raise Refused("url_malformed", "the URL is not of the form http(s)://host/path", hint=_FORM_HINT)
    return url


def _check_name(name: str, port: int, policy: EgressPolicy) -> None:
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused("url_host", "the URL's host is neither a DNS name nor an IP address", hint=_FORM_HINT)
    if _NUMERIC.fullmatch(labels[-1]):
        # 2130706433, 127.1, 0x7f.1 and 0177.0.0.1 are 127.0.0.1 to some parsers and names to others.
        hint = "Write an IPv4 address as four decimal numbers without leading zeros."
        raise Refused("url_numeric_host", "the URL's host is a number, but not a canonical IP address", hint=hint)
    if policy.may_allow_name(name):
        return  # its addresses are checked when the name is resolved
    if len(labels) == 1:
        raise Refused("url_single_label", f"the host {name!r} is a name of the local network only", hint=_ALLOW_HINT)
    if why := policy.port_refusal(port):
        raise _refused_target(why, f"port {port}")


def _refused_target(why: str, target: str) -> Refused:
    if why == _PORT_REFUSED:
        return Refused("url_port", f"deliveries may not go to {target}", hint=_PORT_HINT)
    return Refused("address_blocked", f"deliveries may not go to {target}: it is {why}", hint=_ALLOW_HINT)


def _port_refusal(port: int) -> str | None:
    usable = port in (80, 443) or (1024 <= port <= 65535 and port not in _INFRASTRUCTURE_PORTS)
    return None if usable else _PORT_REFUSED


def _special(address: IPv4Address | IPv6Address) -> str | None:
    if isinstance(address, IPv4Address):
        refused = any(address in network for network in _V4_REFUSED)
    else:
        # IPv4-mapped addresses never appear in honest DNS; they lie outside global unicast, as does NAT64.
        refused = address not in _V6_GLOBAL_UNICAST or any(address in network for network in _V6_REFUSED)
    return "a private, local or special address" if refused else None


def _network(entry: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(entry)
    except ValueError as error:
        raise ValueError(
            f"KRONOS_EGRESS_ALLOW: {entry!r} is not a network ({error}); "
            "write comma separated networks such as 127.0.0.0/8, 10.1.0.0/16, fd00::/8"
        ) from error


def _has_loopback(network: IPv4Network | IPv6Network) -> bool:
    return network.overlaps(_V4_LOOPBACK if isinstance(network, IPv4Network) else _V6_LOOPBACK)


def _has_others(network: IPv4Network | IPv6Network) -> bool:
    if isinstance(network, IPv4Network):
        return not network.subnet_of(_V4_LOOPBACK)
    return network != _V6_LOOPBACK


def _redacted_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    # A query without "=" may be a bare token: nothing of it is stored.
    return f"{name}=***" if equals else "***"
