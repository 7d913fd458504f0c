"""The transports of an answer: its head and body in one write, as each is a system call, and a packet, of its own
otherwise; and a refusal, whose connection ends once it was seen."""

import asyncio
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

# Of a body that is copied behind its head: a system call costs as much as the copy of more.
_MAX_JOINED_BYTES = 32 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Whole:
    """The transport of one request's answer: its head is held back until its body is there, and a short answer is one
    packet."""

    __slots__ = ("_head", "_is_begun", "_transport")

    def __init__(self, transport: asyncio.Transport, *, is_begun: bool = False) -> None:
        self._transport = transport
        self._head = b""
        self._is_begun = is_begun

    def write(self, data: bytes) -> None:
        """As of a transport; uvicorn writes the head first, and before it perhaps that the body is expected."""
        if not self._is_begun and data != _CONTINUE:
            self._head, self._is_begun = data, True
            return
        if self._head and len(data) <= _MAX_JOINED_BYTES:
            data, self._head = self._head + data, b""
        self.flush()
        self._transport.write(data)

    def flush(self) -> None:
        """Write the head, of an answer that has no body."""
        head, self._head = self._head, b""
        if head:
            self._transport.write(head)

    def is_closing(self) -> bool:
        """As of a transport."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Write what is there, and close."""
        self.flush()
        self._transport.close()


def _reset(transport: asyncio.Transport) -> None:
    """End the connection in a way that nobody takes for the end of an answer, whose length may be unknown."""
    held: socket.socket | None = transport.get_extra_info("socket")
    if held is not None and not transport.is_closing():
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def without_chunks(cycle: RequestResponseCycle, app: ASGIApp) -> ASGIApp:
    """The application, whose answers of no known length end with the connection for who speaks HTTP/1.0, and knows no
    chunks (RFC 9112 section 6.1). uvicorn would send chunks."""
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
            elif is_unbounded:  # each piece is what it expects
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, bounded)

    return serve


class Ends(list[Callable[[], None]]):
    """What ends answers that have no end of their own: called where the caller goes, or the process ends."""

    def __call__(self) -> None:
        """End them."""
        for each in self:
            each()


def answering(cycle: RequestResponseCycle, at_end: Ends) -> Whole:
    """What the answer of a request is written to from now on; its application knows `at_end`, and how to cut it."""
    connection, transport = cycle.transport, Whole(cycle.transport)
    cycle.transport = cast(asyncio.Transport, transport)
    told = {"kronos.at_end": at_end, "kronos.cut": partial(_reset, connection)}
    cast(dict[str, object], cycle.scope).update(told)
    return transport


class Lingering:
    """The transport of a request that is refused: closing it is what `linger` does."""

    __slots__ = ("_linger", "_transport")

    def __init__(self, transport: asyncio.Transport, linger: Callable[[], None]) -> None:
        self._transport = transport
        self._linger = linger

    def write(self, data: bytes) -> None:
        """As of a transport."""
        self._transport.write(data)

    def is_closing(self) -> bool:
        """As of a transport."""
        return self._transport.is_closing()

    def close(self) -> None:
        """End the connection once the caller has seen the answer."""
        self._linger()
