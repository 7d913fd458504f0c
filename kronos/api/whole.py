"""Transports of a response: one that sends head and body in a single write, which saves a system call and a packet, and
one for rejections, which closes the connection only after the response was seen."""

import asyncio
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

# A longer body is not copied behind its head: the copy would cost as much as the system call it saves.
_MAX_JOINED_BYTES = 32 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Whole:
    """The transport of one response. The head is held back until there is a body, so that a short response is one
    packet."""

    __slots__ = ("_head", "_is_begun", "_transport")

    def __init__(self, transport: asyncio.Transport, *, is_begun: bool = False) -> None:
        self._transport = transport
        self._head = b""
        self._is_begun = is_begun

    def write(self, data: bytes) -> None:
        """As in a transport. uvicorn writes the head first, possibly after 100 Continue."""
        if not self._is_begun and data != _CONTINUE:
            self._head, self._is_begun = data, True
            return
        if self._head and len(data) <= _MAX_JOINED_BYTES:
            data, self._head = self._head + data, b""
        self.flush()
        self._transport.write(data)

    def flush(self) -> None:
        """Write the head of a response without a body."""
        head, self._head = self._head, b""
        if head:
            self._transport.write(head)

    def is_closing(self) -> bool:
        """As in a transport."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Write what is held back, and close."""
        self.flush()
        self._transport.close()


def _reset(transport: asyncio.Transport) -> None:
    """Reset the connection, so that a response of unknown length cannot be taken for complete."""
    held: socket.socket | None = transport.get_extra_info("socket")
    if held is not None and not transport.is_closing():
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def without_chunks(cycle: RequestResponseCycle, app: ASGIApp) -> ASGIApp:
    """Wrap the application so that HTTP/1.0 clients, which know no chunks (RFC 9112 section 6.1), get responses of
    unknown length that end with the connection. uvicorn would send chunks."""
    if cycle.scope["http_version"] != "1.0":
        return app

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        is_unbounded = False

        async def bounded(message: Message) -> None:
            nonlocal is_unbounded
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message.get("headers", ())}
                is_unbounded = b"content-length" not in names
                if is_unbounded:
                    cycle.keep_alive, cycle.chunked_encoding = False, False
            elif is_unbounded:  # uvicorn then expects exactly each piece
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, bounded)

    return serve


class Ends(list[Callable[[], None]]):
    """Callbacks that end endless responses, called when the caller disconnects or the process ends."""

    def __call__(self) -> None:
        """Call them all."""
        for each in self:
            each()


def answering(cycle: RequestResponseCycle, at_end: Ends) -> Whole:
    """Return the transport for a request's response. The application gets `at_end`, and a way to cut the
    connection."""
    connection, transport = cycle.transport, Whole(cycle.transport)
    cycle.transport = cast(asyncio.Transport, transport)
    told = {"kronos.at_end": at_end, "kronos.cut": partial(_reset, connection)}
    cast(dict[str, object], cycle.scope).update(told)
    return transport


class Lingering:
    """The transport of a rejected request. Closing it calls `linger`."""

    __slots__ = ("_linger", "_transport")

    def __init__(self, transport: asyncio.Transport, linger: Callable[[], None]) -> None:
        self._transport = transport
        self._linger = linger

    def write(self, data: bytes) -> None:
        """As in a transport."""
        self._transport.write(data)

    def is_closing(self) -> bool:
        """As in a transport."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close the connection after the caller has seen the response."""
        self._linger()
