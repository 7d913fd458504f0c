"""Delivers to HTTP endpoints: one request, one Outcome, whatever the other side does."""

import asyncio
import logging
import select
import ssl
import time
import traceback
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache, partial
from types import TracebackType
from typing import Self
from uuid import UUID
from weakref import WeakSet

import aiohttp
from aiohttp.abc import AbstractResolver, AbstractStreamWriter
from aiohttp.base_protocol import BaseProtocol
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError, StreamWriter
from aiohttp.payload import BytesPayload
from aiohttp.tracing import Trace
from yarl import URL

from kronos.delivery.egress import AddressRefused, CheckedResolver, EgressPolicy, SystemResolver, check_url, open_socket
from kronos.delivery.headers import check_headers, identity_headers
from kronos.delivery.outcome import Answer, ErrorType, Outcome, answered, described_request, failed
from kronos.delivery.refused import Refused

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MAX_BODY_BYTES = 1024 * 1024
# What an idle connection's socket buffer takes at once; waiting for the buffer costs a turn of the event loop.
_MAX_BUFFERED_BYTES = 8 * 1024
_MAX_ANSWER_BYTES = 64 * 1024
_MAX_ANSWER_LINE_BYTES = 8190
_MAX_ANSWER_HEADERS = 128
# Shorter than the 5 s of node and uvicorn: a request that meets a connection being closed is UNKNOWN.
_KEEP_ALIVE = timedelta(seconds=4)
_NO_TIMEOUTS = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpDelivery:
    """One attempt to be made: everything rendered, nothing looked up. A GET is sent without its body."""

    execution_id: UUID
    job_id: UUID
    attempt_number: int
    scheduled_at: datetime
    url: str
    method: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    timeout: timedelta
    expected_status_codes: tuple[int, ...] = ()


class HttpTransport:
    """The connections of one worker; `async with` opens and closes them."""

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        resolver: AbstractResolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        # Most deliveries go to a URL that was judged before; judging one takes 40 us.
        self._checked_url = lru_cache(maxsize=1024)(partial(check_url, policy=policy))
        self._resolver = resolver
        self._ssl_context = ssl_context

    async def __aenter__(self) -> Self:
        context = self._ssl_context or ssl.create_default_context()
        context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
        self._session = aiohttp.ClientSession(
            connector=_Connector(self._policy, self._resolver or SystemResolver(), context),
            # A default jar sends one tenant's cookies with the next tenant's delivery to the same host.
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            timeout=_NO_TIMEOUTS,
            max_line_size=_MAX_ANSWER_LINE_BYTES,
            max_field_size=_MAX_ANSWER_LINE_BYTES,
            max_headers=_MAX_ANSWER_HEADERS,
        )
        # aiohttp sends a GET, PUT or DELETE again by itself when a kept connection breaks: an attempt is one request.
        self._session._retry_connection = False
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._session.close()

    async def deliver(self, delivery: HttpDelivery, *, signing_keys: Sequence[bytes] = ()) -> Outcome:
        """Send one request and say what became of it within `delivery.timeout`, which covers DNS and the whole answer.

        Raises nothing for what the remote side or the network does. Where no answer was read to its end, the
        connection is closed before this returns; also when it is cancelled.
        """
        started = time.monotonic()
        body = b"" if delivery.method == "GET" else delivery.body
        try:
            url, headers = self._prepare(delivery, body, signing_keys)
        except Refused as refused:
            request = described_request(delivery.method, delivery.url, delivery.headers, len(body))
            return failed(_refusal_type(refused), refused.message, request=request, duration=_since(started))
        request = described_request(delivery.method, delivery.url, headers, len(body))
        exchange = _Exchange(body if delivery.method != "GET" else None)
        error = await self._exchange(exchange, delivery, url, headers)
        if exchange.response is None:
            error_type, message = error or ("internal", "the delivery ended without a result")
            return failed(error_type, message, request=request, duration=_since(started))
        return answered(
            exchange.answer(),
            expected=delivery.expected_status_codes,
            request=request,
            duration=_since(started),
        )

    def _prepare(self, delivery: HttpDelivery, body: bytes, keys: Sequence[bytes]) -> tuple[URL, dict[str, str]]:
        url = self._checked_url(delivery.url)
        check_headers(delivery.headers)
        if delivery.method not in METHODS:
            raise Refused("bad_request", f"deliveries use {', '.join(METHODS)} only")
        if len(body) > MAX_BODY_BYTES:
            raise Refused("bad_request", f"the body has {len(body)} bytes, at most {MAX_BODY_BYTES} are sent")
        headers = identity_headers(
            execution_id=delivery.execution_id,
            job_id=delivery.job_id,
            attempt_number=delivery.attempt_number,
            scheduled_at=delivery.scheduled_at,
            body=body,
            keys=keys,
        )
        own_names = {name.lower() for name in delivery.headers}
        if "user-agent" in own_names:
            del headers["User-Agent"]
        if body and "content-type" not in own_names:
            headers["Content-Type"] = "application/json"
        return url, {**delivery.headers, **headers}

    async def _exchange(
        self, exchange: "_Exchange", delivery: HttpDelivery, url: URL, headers: dict[str, str]
    ) -> tuple[ErrorType, str] | None:
        """Fill `exchange`; what stopped it before the answer's end, or None."""
        seconds = delivery.timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                await exchange.run(self._session, delivery.method, url, headers)
        except TimeoutError:
            return "timeout", exchange.timeout_message(seconds)
        except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
            return _error_of(error, exchange)
        except Exception as error:
            # An answer the HTTP library did not foresee. The exception's text may hold addresses: log its trace only.
            trace = "".join(traceback.format_tb(error.__traceback__))
            _log.error("execution %s: unforeseen %s\n%s", delivery.execution_id, type(error).__name__, trace)
            return "internal", "the answer met an error in Kronos; its worker's log has the trace"
        finally:
            await exchange.close()
        return None


class _Body(BytesPayload):
    """A body that knows whether it was handed to the operating system whole."""

    is_sent = False

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        await super().write_with_length(writer, content_length)
        transport = writer.transport if isinstance(writer, StreamWriter) else None
        if transport is not None and len(self._value) > _MAX_BUFFERED_BYTES and transport.get_write_buffer_size():
            # A mark of 0 makes drain() wait until nothing is left in this process, however slowly the receiver reads.
            transport.set_write_buffer_limits(0)
            await writer.drain()
        self.is_sent = True


class _Exchange:
    """One request under way and what was read of its answer."""

    def __init__(self, body: bytes | None) -> None:
        self.body = None if body is None else _Body(body)
        self.transport: asyncio.Transport | None = None
        self.response: aiohttp.ClientResponse | None = None
        self.received = bytearray()
        self._is_cut = True

    async def run(self, session: aiohttp.ClientSession, method: str, url: URL, headers: dict[str, str]) -> None:
        """Send the request, then read its answer to the end or to the most we take."""
        _current.set(self)
        self.response = await session.request(method, url, data=self.body, headers=headers, allow_redirects=False)
        content = self.response.content
        while chunk := await content.readany():
            self.received += chunk
            if len(self.received) > _MAX_ANSWER_BYTES:
                del self.received[_MAX_ANSWER_BYTES:]
                return
        self._is_cut = False

    async def close(self) -> None:
        """Give the connection back if the answer was read to its end; else close it, whatever is left unsent."""
        if self.response is not None:
            # At an answer's end aiohttp takes the connection back by itself, unless it was upgraded (101). One whose
            # answer came before the request was read (413) would wait for its reader forever.
            if not self._is_cut and self.is_sent and self.response.connection is None:
                return
            self.response.close()
        if self.transport is not None:
            # close() alone waits for the write buffer, which a receiver that never reads would hold forever.
            self.transport.abort()
            # The event loop closes an aborted connection's socket in its next round.
            await asyncio.sleep(0)

    def answer(self) -> Answer:
        """What was read. Only where `response` is there."""
        if self.response is None:
            raise RuntimeError("there is no answer")
        return Answer(
            status=self.response.status,
            headers=self.response.headers,
            body=bytes(self.received),
            is_cut=self._is_cut,
        )

    @property
    def is_sent(self) -> bool:
        """Whether a connection was there and nothing of the request was left in this process."""
        return self.transport is not None and (self.body is None or self.body.is_sent)

    def timeout_message(self, seconds: float) -> str:
        """For people: how far the request had come."""
        if self.transport is None:
            return f"no connection to the endpoint within {seconds:g} s"
        if not self.is_sent:
            return f"the endpoint did not read the request within {seconds:g} s"
        return f"no complete answer from the endpoint within {seconds:g} s"


_current: ContextVar[_Exchange] = ContextVar("_current")


class _Connector(aiohttp.TCPConnector):
    """Tells the exchange under way which connection it got, and hands out no kept one that the receiver has closed.

    A receiver that closes after its answer without saying so would otherwise make the next delivery UNKNOWN: the event
    loop has not always seen the close by then.
    """

    def __init__(self, policy: EgressPolicy, resolver: AbstractResolver, context: ssl.SSLContext) -> None:
        super().__init__(
            resolver=CheckedResolver(policy, resolver),
            socket_factory=partial(open_socket, policy),
            use_dns_cache=False,
            ssl=context,
            limit=0,  # the worker's slots are the limit: waiting here would eat up the endpoint's timeout
            keepalive_timeout=_KEEP_ALIVE.total_seconds(),
        )
        self._used: WeakSet[BaseProtocol] = WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 the overridden method's own
    ) -> Connection:
        """The connection for a request of this context's exchange."""
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol, transport = connection.protocol, connection.transport
            if protocol is None or transport is None:
                raise ConnectionResetError  # gone between the pool and here
            if protocol not in self._used:
                self._used.add(protocol)
            elif _is_readable(transport):
                connection.close()
                continue
            _current.get().transport = transport
            return connection


def _is_readable(transport: asyncio.Transport) -> bool:
    # Nothing is due on an idle connection: what can be read is its end, or bytes nobody asked for.
    poll = select.poll()
    poll.register(transport.get_extra_info("socket"), select.POLLIN)
    return bool(poll.poll(0))


def _error_of(error: Exception, exchange: _Exchange) -> tuple[ErrorType, str]:
    """Our name for an exception; its own text carries resolved addresses and URLs and is never passed on."""
    match error:
        case aiohttp.ClientConnectorError(os_error=AddressRefused()):
            return "address_blocked", "the host's name resolves to an address that deliveries may not reach"
        case aiohttp.ClientConnectorDNSError():
            return "dns", "the host's name could not be resolved"
        case aiohttp.ClientConnectorCertificateError():
            return "tls", "the endpoint's certificate is not valid for its name"
        case aiohttp.ClientSSLError():
            return "tls", "no TLS connection could be agreed with the endpoint"
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return "connect", "no connection to the endpoint could be made"
        case aiohttp.InvalidURL():
            return "bad_url", "the URL is not one that can be requested"
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError() | HttpProcessingError():
            return "bad_response", "the endpoint's answer is not valid HTTP"
        case _ if exchange.is_sent:
            return "closed_without_answer", "the request was sent, then the connection ended without an answer"
        case _:
            return "closed_while_sending", "the connection ended before the request was sent"


def _refusal_type(refused: Refused) -> ErrorType:
    match refused.code:
        case "address_blocked":
            return "address_blocked"
        case "bad_request":
            return "bad_request"
        case code if code.startswith("url"):
            return "bad_url"
        case _:
            return "bad_headers"


def _since(started: float) -> timedelta:
    return timedelta(seconds=time.monotonic() - started)
