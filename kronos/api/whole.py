"""The transports of an answer: its head and body in one write, as each is a system call, and a packet, of its own
otherwise; and a refusal, whose connection ends once it was seen."""

import asyncio
from collections.abc import Callable

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


class Ends(list[Callable[[], None]]):
    """What ends answers that have no end of their own: called where the caller goes, or the process ends."""

    def __call__(self) -> None:
        """End them."""
        for each in self:
            each()


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
