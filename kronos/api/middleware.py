"""The outermost layer of a request, in pure ASGI: its id, its limits, its log line, and a response whatever happens
inside."""

import asyncio
import re
import time
import uuid

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kronos import errors, lines
from kronos.api.meter import ApiMeter
from kronos.api.origins import Headers, Origins
from kronos.api.problems import http_problem, instance, problem
from kronos.api.rates import RateStanding
from kronos.api.refusals import Refusal
from kronos.lines import Log
from kronos.records import dataclass
from kronos.redaction import redacted
from kronos.writes import Writes

MAX_BODY_BYTES = 1024 * 1024
CALLER_GONE = 499
"""Logged status for a caller that disconnected before its body arrived, as in nginx."""
MAX_BODIES_BYTES = 64 * 1024 * 1024
"""Limit for the bodies of all requests in progress in one process."""

_log = Log("kronos.api")
_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_LATER = {"Retry-After": "2"}
_OVERLOADED = Refusal(
    status=503,
    code="overloaded",
    title="Overloaded",
    detail=f"the bodies of the requests in progress in this process exceed {MAX_BODIES_BYTES} bytes",
    headers=_LATER,
)
# For every response. Pages (docs.py) have their own policy, and public files their own Cache-Control.
_OF_ALL = ((b"x-content-type-options", b"nosniff"),)
_NO_REFERRER = (b"referrer-policy", b"no-referrer")
_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
_NOT_KEPT = (b"cache-control", b"no-store")
# RFC 6797: one year. Subdomains are outside our control.
_TLS_ONLY = (b"strict-transport-security", b"max-age=31536000")


@dataclass(slots=True)
class _Exchange:
    """The progress of one request."""

    status: int = 0
    """Status of the response; 0: not answered yet."""
    received_bytes: int = 0
    waits_for_body: bool = False
    is_under_way: bool = True
    """Counted as in progress until its response starts. doors.py bounds how long a response is read; that does not
    block other requests."""


class Boundary:
    """Gives every request an id and a response: problem+json for anything raised inside."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        timeout_seconds: float,
        max_in_flight: int,
        origins: Origins | None = None,
        meter: ApiMeter | None = None,
    ) -> None:
        self._app = app
        self._origins = origins or Origins()
        self._timeout_seconds = timeout_seconds
        self._max_in_flight = max_in_flight
        self._in_flight = 0
        self._bodies_bytes = 0
        self._meter = meter or ApiMeter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id, length = _read_headers(scope)
        scope["kronos.request_id"] = request_id
        lines.begin(request_id=request_id)
        scope["kronos.writes"] = Writes()
        scope["kronos.standing"] = RateStanding()
        exchange = _Exchange()
        send_named = self._named(send, exchange, scope)
        self._in_flight += 1
        self._meter.under_way = self._in_flight
        try:
            if self._in_flight > self._max_in_flight:
                detail = f"{self._max_in_flight} requests are in progress in this process"
                await http_problem(503, "overloaded", "Overloaded", detail, scope, _LATER)(scope, receive, send_named)
            elif (refusal := scope.get("kronos.refusal")) is not None:
                await _refused(refusal, scope)(scope, receive, send_named)
            elif self._origins and (preflight := self._origins.preflight(scope)) is not None:
                await _nothing(preflight)(scope, receive, send_named)
            elif length > MAX_BODY_BYTES:
                await problem(_too_large(), scope)(scope, receive, send_named)
            else:
                await self._serve(scope, self._counted(receive, exchange, scope), send_named, exchange)
        finally:
            self._ends(exchange)
            self._bodies_bytes -= exchange.received_bytes
            seconds = time.perf_counter() - began
            self._meter.answered(scope, exchange.status, seconds)
            _log_answered(scope, exchange.status, seconds)

    def _named(self, send: Send, exchange: _Exchange, scope: Scope) -> Send:
        """Return a `send` that adds to the response the request's id and the headers that every response has."""
        named = (b"request-id", scope["kronos.request_id"].encode("ascii"))

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                self._ends(exchange)
                message["headers"] = [*message.get("headers", ()), named, *_OF_ALL]
                if (served := scope.get("kronos.served")) is not None:
                    message["headers"].append((b"kronos-read-from", served.header.encode("ascii")))
                self._complete(message["headers"], scope)
            await send(message)

        return send_named

    def _complete(self, headers: list[tuple[bytes, bytes]], scope: Scope) -> None:
        """Add the headers that every response has, unless it has its own."""
        names = {name for name, _ in headers}
        headers += [each for each in (_POLICY, _NOT_KEPT, _NO_REFERRER) if each[0] not in names]
        if scope.get("scheme") == "https":
            headers.append(_TLS_ONLY)
        if self._origins:
            headers += self._origins.headers(scope)
        standing: RateStanding = scope["kronos.standing"]
        headers += standing.headers()

    def _ends(self, exchange: _Exchange) -> None:
        self._in_flight -= exchange.is_under_way
        self._meter.under_way = self._in_flight
        exchange.is_under_way = False

    async def _serve(self, scope: Scope, receive: Receive, send: Send, exchange: _Exchange) -> None:
        """Run the application. Anything it raises before it responds becomes a problem document."""

        async def send_in_time(message: Message) -> None:
            deadline.reschedule(None)  # the response is on time: a slow reader is no reason to cut it
            await send(message)

        try:
            async with asyncio.timeout(self._timeout_seconds) as deadline:
                scope["kronos.deadline"], scope["kronos.seconds"] = deadline, self._timeout_seconds
                await self._app(scope, receive, send_in_time)
        except ClientDisconnect:
            # No client is left to answer, and it is no fault of ours. The request's log line records it.
            exchange.status = exchange.status or CALLER_GONE
        except Exception as error:
            if exchange.status:
                raise
            if deadline.expired() and isinstance(error, TimeoutError):
                answer = self._timed_out(scope, exchange)
            elif isinstance(error, _BodyRefused):
                answer = _refused(error.refusal, scope)
            elif isinstance(error, errors.KronosError):
                answer = problem(error, scope)
            else:
                # The caller gets only the id and the log has the rest: a traceback may quote rows.
                _log.error("request.failed", "%s failed", scope["kronos.request_id"], traced=error)
                answer = problem(errors.KronosError("unexpected error; the log has it under the request id"), scope)
            await answer(scope, receive, send)

    def _counted(self, receive: Receive, exchange: _Exchange, scope: Scope) -> Receive:
        """Return a `receive` that raises once this body, chunked or not, or all bodies together exceed the limit."""

        async def counting() -> Message:
            exchange.waits_for_body = True
            message = await receive()
            exchange.waits_for_body = False
            if (refusal := scope.get("kronos.refusal")) is not None:
                raise _BodyRefused(refusal)
            if message["type"] == "http.request":
                length = len(message.get("body", b""))
                exchange.received_bytes += length
                self._bodies_bytes += length
                if exchange.received_bytes > MAX_BODY_BYTES:
                    raise _too_large()
                if self._bodies_bytes > MAX_BODIES_BYTES:
                    raise _BodyRefused(_OVERLOADED)
            return message

        return counting

    def _timed_out(self, scope: Scope, exchange: _Exchange) -> ASGIApp:
        seconds = f"{scope['kronos.seconds']:.0f} s"
        _log.warning("request.timed_out", "%s took longer than %s", scope["kronos.request_id"], seconds)
        if exchange.waits_for_body:
            detail = f"the body did not arrive within {seconds}; nothing was done"
            return http_problem(408, "request_timeout", "Request timeout", detail, scope, {"Connection": "close"})
        writes: Writes = scope["kronos.writes"]
        if writes.may_be_done:
            detail = f"the request took longer than {seconds}: it may have been done, or not"
            return problem(errors.OutcomeUnknown(detail), scope)
        detail = f"the request took longer than {seconds}; nothing was changed"
        return http_problem(503, "request_timeout", "Timed out", detail, scope, _LATER)


def _log_answered(scope: Scope, status: int, seconds: float) -> None:
    milliseconds = seconds * 1000
    _log.info(
        "request.answered",
        "%s %s %s %d %.1f ms %s",
        scope["kronos.request_id"],
        method := scope["method"],
        path := instance(scope),
        status,
        milliseconds,
        actor := _actor(scope),
        method=method,
        path=path,
        status=status,
        milliseconds=round(milliseconds, 1),
        actor=actor,
    )


def _read_headers(scope: Scope) -> tuple[str, int]:
    """Return the request's id, the caller's if it is well-formed, and the announced length."""
    request_id, length = "", 0
    for name, value in scope["headers"]:
        if name == b"request-id" and _SANE_REQUEST_ID.fullmatch(value):
            request_id = redacted(value.decode("ascii")).replace("*", "")
        elif name == b"content-length" and value.isdigit():
            length = int(value[:20])
    return request_id or uuid.uuid4().hex, length


def _nothing(headers: Headers) -> ASGIApp:
    return Response(status_code=204, headers={name.decode(): value.decode() for name, value in headers})


class _BodyRefused(Exception):
    """The body is not read to its end: it is not valid HTTP, or exceeds a limit."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def _refused(refusal: Refusal, scope: Scope) -> ASGIApp:
    return http_problem(
        refusal.status, refusal.code, refusal.title, refusal.detail, scope, {**refusal.headers, "Connection": "close"}
    )


def _too_large() -> errors.PayloadTooLarge:
    return errors.PayloadTooLarge(f"the body has more than {MAX_BODY_BYTES} bytes")


def _actor(scope: Scope) -> str:
    """Return the caller as in the audit, on one line whatever an identity provider sent; - for unknown callers."""
    return str(scope.get("kronos.actor", "-")).encode("unicode_escape").decode("ascii")
