"""uvicorn's HTTP/1 protocol with limits on what an unauthenticated caller sends, how long it takes, and what it leaves
unread.

uvicorn and httptools have no such limits (decision 0029). The application's outermost layer answers what is rejected
here, like any error: with a problem document, an id and a log line.
"""

import asyncio
import math
from collections.abc import Sequence
from typing import Any, Literal, cast

import httptools
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from kronos.api.doors import Doors, address_of
from kronos.api.refusals import (
    Refusal,
    headers_too_large,
    host_fault,
    malformed,
    overloaded,
    too_many_chunks,
    too_slow,
    url_too_long,
)
from kronos.api.whole import Ends, Lingering, Whole, answering, without_chunks

MAX_PIPELINED = 16
"""Requests that may wait on one connection for earlier responses."""

MAX_CHUNKS = 16 * 1024
"""Maximum chunks of one body: each costs work, however small. A body of the largest size may use chunks of 64 bytes."""

_LINGER_SECONDS, _MAX_LINGER_BYTES = 2.0, 4 * 1024 * 1024
_MAX_DRAINED_BYTES = 2 * 1024 * 1024
# A caller that reads less than this within write_seconds counts as not reading.
_MIN_READ_BYTES = 64 * 1024
_MAX_SHOWN_PATH = 200

# idle: nothing received since the last response. head: a request has started to arrive. serving: it is complete, its
# response is not. draining: answered, but its body still arrives. lingering: rejected, and read until the caller has
# seen why.
_State = Literal["idle", "head", "serving", "draining", "lingering", "closing"]


class BoundedConfig(uvicorn.Config):
    """uvicorn's configuration for an application, and the Doors that all its connections go through."""

    def __init__(
        self, app: ASGIApp, doors: Doors, *, shutdown_seconds: int, trusted_proxies: Sequence[str] = ()
    ) -> None:
        super().__init__(
            cast(Any, app),  # uvicorn has its own ASGI types
            loop="uvloop",
            http=BoundedProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            # uvicorn would trust any peer on this machine, and an environment variable of its own
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=list(trusted_proxies),
            timeout_keep_alive=math.ceil(doors.limits.idle_seconds),
            timeout_graceful_shutdown=shutdown_seconds,
        )
        self.doors = doors


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        if not isinstance(config, BoundedConfig):
            raise TypeError("BoundedProtocol needs a BoundedConfig")
        self._doors = config.doors
        self._limits = config.doors.limits
        self.address = ""
        self._state: _State = "idle"
        self._since = 0.0
        self._refusal: Refusal | None = None
        self._served: RequestResponseCycle | None = None  # `cycle` is the request that was read last
        self._answering: Whole | None = None
        self._is_over = False  # nothing more is read from it
        self._is_in_head = self._is_url_whole = self._is_in_message = False
        self._head_bytes = self._header_count = self._chunks = 0
        self._loose_bytes = 0  # bytes the parser took since its last callback
        self._drained_bytes = 0
        self._unread_since = 0.0
        self._unread_then = 0
        self._at_end = Ends()

    # Called by asyncio

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Accept the connection, or answer that there is no room for it."""
        super().connection_made(transport)
        self.address = address_of(self.client[0]) if self.client else ""
        self._since = self.loop.time()
        if (why := self._doors.enter(self)) is not None:
            self._refuse(overloaded(why))

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection. The request in progress is told, as its response can no longer be sent."""
        self._doors.leave(self)
        if self._served is not None and not self._served.response_complete:
            self._served.disconnected = True
            self._served.message_event.set()
        self._at_end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read received data, within the limits."""
        self._unset_keepalive_if_required()
        if self._is_over:
            self._drained_bytes += len(data)
            if self._drained_bytes > _MAX_LINGER_BYTES:
                self.cut()
            return
        self._loose_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._stay_http()
        except httptools.HttpParserError:
            self._refuse(self._refusal or malformed())
        else:
            if self._loose_bytes > self._limits.header_bytes:
                self._refuse(self._too_long())
            elif self._state == "idle" and (self._is_in_head or self._loose_bytes):
                self._enter("head")

    def eof_received(self) -> bool:  # type: ignore[override]  # as asyncio has it
        """The caller has finished sending. Complete requests are still answered, as it may wait for that (RFC 9293
        3.6), except those whose response has no end."""
        self._at_end()
        if self._state != "serving" or self._is_in_message or self.transport.is_closing():
            return False
        self._is_over = True
        self.cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        """The caller reads too slowly."""
        super().pause_writing()
        self._unread_since, self._unread_then = self.loop.time(), self.unread_bytes
        self._doors.is_unread(self)

    def resume_writing(self) -> None:
        """The caller has caught up."""
        super().resume_writing()
        self._unread_since = 0.0
        self._doors.is_read(self)

    def shutdown(self) -> None:
        """The process ends: current responses are completed, and endless ones are ended."""
        super().shutdown()
        self._at_end()

    # Called by the parser

    def on_message_begin(self) -> None:
        """A request starts."""
        super().on_message_begin()
        self._is_in_message = self._is_in_head = True
        self._is_url_whole = False
        self._head_bytes = self._header_count = self._chunks = self._loose_bytes = self._drained_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the URL."""
        super().on_url(url)
        self._loose_bytes = 0
        self._head_bytes += len(url)
        if self._head_bytes > self._limits.url_bytes:
            self._stop(self._too_long())

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header. Trailers after the body count, but are not headers of the request (RFC 9110 6.5.1)."""
        if self._is_in_head:
            super().on_header(name, value)
            self._is_url_whole = True
        self._loose_bytes = 0
        self._header_count += 1
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self._limits.header_bytes or self._header_count > self._limits.headers:
            self._stop(self._too_long())

    def on_headers_complete(self) -> None:
        """The head is complete, and the request can be served."""
        self._is_url_whole = True
        if len(self.pipeline) >= MAX_PIPELINED:
            self._stop(overloaded(f"{MAX_PIPELINED} requests are already waiting on this connection"))
        if (fault := host_fault(self.parser.get_http_version(), self.headers)) is not None:
            self._stop(malformed(fault))
        super().on_headers_complete()
        self._is_in_head, self._loose_bytes = False, 0
        self._state = "serving"
        self._doors.serves(self)

    def on_body(self, body: bytes) -> None:
        """A piece of the body. A body no longer needed is read to its end only if that is near."""
        super().on_body(body)
        self._loose_bytes = 0
        if self.cycle.response_complete:
            self._drained_bytes += len(body)
            if self._drained_bytes > _MAX_DRAINED_BYTES:
                self.cut()

    def on_chunk_header(self) -> None:
        """A chunk of the body starts, or the last one, which is empty."""
        self._chunks += 1
        if self._chunks > MAX_CHUNKS:
            self._stop(too_many_chunks(MAX_CHUNKS))

    def on_message_complete(self) -> None:
        """The request is complete."""
        super().on_message_complete()
        self._is_in_message, self._loose_bytes = False, 0
        if self._state == "draining":
            self._enter("idle")

    # Called at the end of a request

    def on_response_complete(self) -> None:
        """Serve the next request, or wait for one."""
        if self._answering is not None:
            self._answering.flush()
        if self._is_over and not self.pipeline:
            self.server_state.total_requests += 1
            return
        super().on_response_complete()
        if not self.cycle.response_complete:
            return
        if self.transport.is_closing():
            self._enter("closing")
        elif self._is_in_head:
            self._enter("head")
        else:
            self._enter("draining" if self._is_in_message else "idle")

    # uvicorn has its own ASGI types
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401
        self._served = cycle
        self._answering = answering(cycle, self._at_end)
        super()._start_asgi_task(cycle, cast(Any, without_chunks(cycle, app)))

    # Called by Doors

    @property
    def unread_bytes(self) -> int:
        """Response bytes that the system has not accepted yet."""
        return self.transport.get_write_buffer_size()

    def cut(self) -> None:
        """Close the connection immediately."""
        self.transport.abort()

    def look(self, now: float) -> None:
        """End what has taken too long."""
        limits, waited = self._limits, now - self._since
        if self._unread_since and now - self._unread_since >= limits.write_seconds:
            left = self.unread_bytes
            if self._unread_then - left < _MIN_READ_BYTES:
                self.cut()
                return
            self._unread_since, self._unread_then = now, left
        if self.transport.is_closing() and self._state != "closing":
            self._enter("closing")
            return
        match self._state:
            case "idle" if waited >= limits.idle_seconds:
                self._close()
            case "head" if waited >= limits.head_seconds:
                self._refuse(too_slow(limits.head_seconds))
            case "draining" if waited >= limits.head_seconds:
                self.cut()
            case "lingering" if waited >= _LINGER_SECONDS:
                self.cut()
            case "closing" if waited >= limits.write_seconds and not self._unread_since:
                self.cut()

    def linger(self) -> None:
        """Close the connection after the caller has seen the response: closing it immediately would discard the
        response if the caller is still sending."""
        if self.transport.is_closing():
            return
        self._enter("lingering")
        self.transport.write_eof()
        self.flow.resume_reading()

    def _close(self) -> None:
        if self.unread_bytes:
            self.cut()
        else:
            self.transport.close()

    def _enter(self, state: _State) -> None:
        self._state, self._since = state, self.loop.time()
        self._doors.waits(self)

    def _stay_http(self) -> None:
        """Serve a protocol upgrade request as HTTP, as the last one of the connection: what follows may be in the other
        protocol."""
        self._is_over = True
        self.cycle.keep_alive = False

    def _stop(self, refusal: Refusal) -> None:
        """Reject the request from within the parser, which stops reading."""
        self._refusal = refusal
        raise RuntimeError(refusal.code)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer the rejection after earlier requests, and stop reading."""
        self._is_over = True
        self._drained_bytes = 0
        if self._is_in_message and not self._is_in_head:
            self._refuse_body(refusal)
            return
        cycle = RequestResponseCycle(
            scope=cast(Any, self._scope_of(refusal)),  # uvicorn has its own ASGI types
            transport=cast(asyncio.Transport, Lingering(self.transport, self.linger)),
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=False,
            on_response=self.on_response_complete,
        )
        before, self.cycle = self.cycle, cycle
        self._state = "serving"
        self._doors.serves(self)
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def _refuse_body(self, refusal: Refusal) -> None:
        """Reject a body. The request's own response reports it, if the request still reads its body; if it is already
        answered, nothing is sent."""
        cycle = self.cycle
        if cycle.response_complete:
            self.linger()
            return
        cast(dict[str, object], cycle.scope)["kronos.refusal"] = refusal
        if self._answering is not None:
            self._answering.flush()
        self._answering = Whole(
            cast(asyncio.Transport, Lingering(self.transport, self.linger)), is_begun=cycle.response_started
        )
        cycle.transport = cast(asyncio.Transport, self._answering)
        cycle.keep_alive = False
        cycle.more_body = False
        cycle.message_event.set()

    def _scope_of(self, refusal: Refusal) -> dict[str, object]:
        """Return the scope of the request as far as it is known."""
        path, headers, method = "-", [], "-"
        if self._is_in_head:
            headers = list(self.headers)
            if self._is_url_whole:
                path = self.url.partition(b"?")[0][:_MAX_SHOWN_PATH].decode("ascii", "replace")
                method = self.parser.get_method().decode("ascii")
        return {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "method": method,
            "root_path": "",
            "path": path,
            "raw_path": path.encode("ascii", "replace"),
            "query_string": b"",
            "headers": headers,
            "state": {},
            "kronos.refusal": refusal,
        }

    def _too_long(self) -> Refusal:
        limits = self._limits
        if self._is_in_head and not self._is_url_whole and self._head_bytes > limits.url_bytes:
            return url_too_long(limits.url_bytes)
        return headers_too_large(limits.headers, limits.header_bytes, is_count=self._header_count > limits.headers)
