"""Delivers to HTTP endpoints: one request, one Outcome, whatever the other side does."""

import asyncio
import logging
import ssl
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from kronos.delivery.answer import AnswerParser, NotHttp
from kronos.delivery.connection import Connection, ConnectionEnded
from kronos.delivery.connections import Connections, HostUnreachable, NameUnknown, Origin
from kronos.delivery.egress import AddressRefused, Destination, EgressPolicy, Resolver, check_url
from kronos.delivery.headers import check_headers, identity_headers
from kronos.delivery.outcome import Answer, ErrorType, Outcome, answered, described_request, failed
from kronos.delivery.refused import Refused
from kronos.delivery.resolver import SystemResolver
from kronos.delivery.trust import Trust

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MAX_BODY_BYTES = 1024 * 1024
_MAX_CACHED_CHARACTERS = 1024
_log = logging.getLogger(__name__)
_UNKNOWN_AUTHORITY = "the endpoint's certificate is from an authority that is not trusted here (KRONOS_CA_FILE adds one)"
_WORKER_STOPPED: tuple[ErrorType, str] = (
    "worker_stopped",
    "the worker stopped while the delivery was under way; whether it arrived is not known",
)
# OpenSSL's x509_vfy.h. Its own text may hold the address.
_UNTRUSTED = {
    9: "the endpoint's certificate, or its authority's, is not valid yet",
    10: "the endpoint's certificate, or its authority's, has expired",
    18: _UNKNOWN_AUTHORITY,
    19: _UNKNOWN_AUTHORITY,
    20: _UNKNOWN_AUTHORITY,
    21: _UNKNOWN_AUTHORITY,
    62: "the endpoint's certificate is not valid for its name",
    64: "the endpoint's certificate is not valid for its address",
}


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
        resolver: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
        ca_file: Path | None = None,
    ) -> None:
        self._policy = policy
        # Most deliveries go to a URL that was judged before; judging one takes 40 us. Long ones, with a value in them, mostly do not.
        self._checked_before = lru_cache(maxsize=1024)(partial(check_url, policy=policy))
        self._resolver = resolver
        self._ssl_context = ssl_context
        self._ca_file = ca_file
        self._under_way: set[asyncio.Timeout] = set()
        self.is_cut_off = False

    async def __aenter__(self) -> Self:
        trust = Trust(self._ca_file, self._ssl_context)
        self._connections = Connections(self._policy, self._resolver or SystemResolver(), trust)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._connections.close()

    def cut_off(self) -> None:
        """End every delivery under way, and send none that is begun later: the worker stops. Each still has its outcome."""
        self.is_cut_off = True
        now = asyncio.get_running_loop().time()
        for limit in self._under_way:
            if not limit.expired():
                limit.reschedule(now)

    async def deliver(self, delivery: HttpDelivery, *, signing_keys: Sequence[bytes] = ()) -> Outcome:
        """Send one request and say what became of it within `delivery.timeout`, which covers DNS and the whole answer.

        Raises nothing for what the remote side or the network does. Where no answer was read to its end, the
        connection is closed before this returns; also when it is cancelled.
        """
        started = time.monotonic()
        body = b"" if delivery.method == "GET" else delivery.body
        try:
            destination, headers = self._prepare(delivery, body, signing_keys)
        except Refused as refused:
            request = described_request(delivery.method, delivery.url, delivery.headers, len(body))
            return failed(_refusal_type(refused), refused.message, request=request, duration=_since(started))
        url = delivery.url if delivery.url.isascii() else destination.url
        request = described_request(delivery.method, url, headers, len(body))
        exchange = _Sending(destination, self._connections)
        error = await self._exchange(exchange, delivery, _request_bytes(delivery.method, destination, headers, body))
        if exchange.answer is None:
            error_type, message = error or ("internal", "the delivery ended without a result")
            outcome = failed(error_type, message, request=request, duration=_since(started))
            return replace(outcome, is_cut_off=True, is_unsent=not exchange.has_begun) if error_type == "worker_stopped" else outcome
        return answered(_answer(exchange.answer), expected=delivery.expected_status_codes, request=request, duration=_since(started))

    def _prepare(self, delivery: HttpDelivery, body: bytes, keys: Sequence[bytes]) -> tuple[Destination, dict[str, str]]:
        is_usual = len(delivery.url) <= _MAX_CACHED_CHARACTERS
        destination = self._checked_before(delivery.url) if is_usual else check_url(delivery.url, self._policy)
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
        if "accept" not in own_names:
            headers["Accept"] = "*/*"
        if body and "content-type" not in own_names:
            headers["Content-Type"] = "application/json"
        if delivery.method != "GET":
            headers["Content-Length"] = str(len(body))
        return destination, {"Host": destination.authority, **delivery.headers, **headers}

    async def _exchange(self, exchange: "_Sending", delivery: HttpDelivery, request: bytes) -> tuple[ErrorType, str] | None:
        """Fill `exchange`; what stopped it before a status line was read, or None."""
        seconds = delivery.timeout.total_seconds()
        if self.is_cut_off:  # a limit of no time would still let a kept connection take the request
            return _WORKER_STOPPED
        try:
            async with asyncio.timeout(seconds) as limit:
                self._under_way.add(limit)
                try:
                    await exchange.run(request)
                finally:
                    self._under_way.discard(limit)
        except TimeoutError:
            if self.is_cut_off:
                return _WORKER_STOPPED
            return "timeout", exchange.timeout_message(seconds)
        except (NotHttp, ConnectionEnded, OSError) as error:
            return _error_of(error, exchange)
        except Exception as error:
            # The exception's text may hold addresses: log its trace only.
            trace = "".join(traceback.format_tb(error.__traceback__))
            _log.error("execution %s: unforeseen %s\n%s", delivery.execution_id, type(error).__name__, trace)
            return "internal", "the answer met an error in Kronos; its worker's log has the trace"
        finally:
            await exchange.close()
        return None


class _Sending:
    """One request under way and what was read of its answer."""

    def __init__(self, destination: Destination, connections: Connections) -> None:
        self._origin = Origin(is_tls=destination.is_tls, host=destination.host, port=destination.port)
        self._connections = connections
        self._connection: Connection | None = None
        self.answer: AnswerParser | None = None

    async def run(self, request: bytes) -> None:
        """Send the request, then read its answer to the end or to the most we take."""
        if self._origin.is_tls:
            await self._connections.trust.look_again()
        if (kept := self._connections.take_kept(self._origin)) is None:
            self._connection = await self._connections.open(self._origin)
            self.answer = await self._connection.exchange(request)
            return
        self._connection = kept
        try:
            self.answer = await kept.exchange(request)
        except ConnectionEnded:
            self._connections.closed_on_use(self._origin)
            raise

    async def close(self) -> None:
        """Give the connection back if the answer was read to its end; else close it, whatever is left unsent.

        Where time ran out within an answer, its status line counts: the receiver has said what it made of the delivery.
        """
        connection = self._connection
        if connection is None:
            await asyncio.sleep(0)
            return
        if self.answer is None:
            self.answer = connection.interrupted()
        # One whose answer came before the request was read (413) would wait for its reader for ever.
        if self.answer is not None and self.answer.keeps_alive and connection.is_sent:
            self._connections.keep(self._origin, connection)
            return
        connection.abort()
        # The event loop closes an aborted connection's socket in its next round.
        await asyncio.sleep(0)

    @property
    def has_begun(self) -> bool:
        """Whether there was a connection, and so something of the request may have been sent."""
        return self._connection is not None

    @property
    def is_sent(self) -> bool:
        """Whether a connection was there and nothing of the request was left in this process."""
        return self._connection is not None and self._connection.is_sent

    def timeout_message(self, seconds: float) -> str:
        """For people: how far the request had come."""
        if self._connection is None:
            return f"no connection to the endpoint within {seconds:g} s"
        if not self.is_sent:
            return f"the endpoint did not read the request within {seconds:g} s"
        return f"no answer from the endpoint within {seconds:g} s"


def _request_bytes(method: str, destination: Destination, headers: Mapping[str, str], body: bytes) -> bytes:
    """The request as it goes out. Every part was judged before: no control character is in any."""
    lines = [f"{method} {destination.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("ascii") + body


def _answer(parsed: AnswerParser) -> Answer:
    if parsed.status is None:
        raise RuntimeError("there is no answer")
    headers: dict[str, str] = {}
    for name, value in parsed.headers:
        headers.setdefault(name, value)
    return Answer(status=parsed.status, headers=headers, body=bytes(parsed.body), is_cut=parsed.is_cut)


def _error_of(error: Exception, exchange: _Sending) -> tuple[ErrorType, str]:
    """Our name for an exception; the text of those that are not ours carries resolved addresses and URLs and is never passed on."""
    match error:
        case AddressRefused():
            return "address_blocked", "the host's name resolves to an address that deliveries may not reach"
        case NameUnknown():
            return "dns", "the host's name could not be resolved"
        case ssl.SSLCertVerificationError():
            return "tls", _UNTRUSTED.get(error.verify_code, "the endpoint's certificate cannot be verified")
        case ssl.SSLError():
            return "tls", "no TLS connection could be agreed with the endpoint"
        case NotHttp():
            return "bad_response", str(error)
        case HostUnreachable():
            return "connect", "no connection to the endpoint could be made"
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
