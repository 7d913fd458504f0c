"""Requests to the identity provider, within a time and a size: like a receiver of deliveries, it is another party, and
may send without end.

Its responses are read by the deliveries' parser. aiohttp's queues every interim response (1xx) without a limit, and
reads them without a pause: all other requests to this process would wait.
"""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache
from ipaddress import ip_network
from typing import Final

from kronos.delivery.answer import AnswerParser, Head, NotHttp
from kronos.delivery.connections import connected_socket
from kronos.delivery.egress import Destination, EgressPolicy, check_url
from kronos.delivery.refused import Refused
from kronos.delivery.resolver import SystemResolver
from kronos.records import dataclass

MAX_ANSWER_BYTES: Final = 1024 * 1024
_SECONDS = 5.0
_READ_BYTES = 64 * 1024
# The operator names the provider, most often one within the network.
_ANYWHERE = EgressPolicy((ip_network("0.0.0.0/0"), ip_network("::/0")))


class NoAnswer(Exception):
    """There is no complete response. The message is a sentence for people."""


class _Parser(AnswerParser):
    """Keys and tokens may be longer than what deliveries keep of a response."""

    __slots__ = ()
    most_body_bytes = MAX_ANSWER_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAnswer:
    """A complete response."""

    status: int
    body: bytes


async def ask(method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> ProviderAnswer:
    """Send one request over a connection of its own, and return the whole response. Redirects are not followed. Raises
    NoAnswer."""
    try:
        to = check_url(url, _ANYWHERE)
        async with asyncio.timeout(_SECONDS):
            parser, head = await _exchange(to, _request(method, to, headers, body))
    except (OSError, Refused, NotHttp) as error:  # a TimeoutError and an SSLError are OSErrors
        raise NoAnswer(f"it cannot be reached ({type(error).__name__})") from None
    if parser.is_cut and len(parser.body) >= MAX_ANSWER_BYTES:
        raise NoAnswer(f"its response has more than {MAX_ANSWER_BYTES} bytes")
    if parser.is_cut:
        raise NoAnswer("its response is incomplete")
    if head.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise NoAnswer("its response is compressed, which was not asked for")
    return ProviderAnswer(status=head.status, body=bytes(parser.body))


async def _exchange(to: Destination, request: bytes) -> tuple[AnswerParser, Head]:
    resolver = SystemResolver()
    try:
        opened = await connected_socket(_ANYWHERE, resolver, to.host, to.port)
    finally:
        await resolver.close()
    try:
        reader, writer = await asyncio.open_connection(
            sock=opened,
            ssl=_context() if to.is_tls else None,
            server_hostname=to.host.removesuffix(".") if to.is_tls else None,
        )
    except BaseException:
        opened.close()
        raise
    try:
        writer.write(request)
        parser = _Parser()
        while not parser.is_complete and (some := await reader.read(_READ_BYTES)):
            parser.feed(some)
        parser.end()
    finally:
        writer.transport.abort()  # close() would wait for unsent data
    if parser.head is None:
        raise ConnectionResetError
    return parser, parser.head


def _request(method: str, to: Destination, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{method} {to.target} HTTP/1.1", f"Host: {to.authority}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode("ascii") + body


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()
