"""A connection to a receiver. It carries one request and its response at a time, without a waiting task."""

import asyncio
import select
import ssl
import time
from typing import Protocol, cast

from kronos.delivery.answer import AnswerParser, NotHttp


class ConnectionEnded(Exception):
    """The connection ended before a status line was read."""


class Exchange(Protocol):
    """The callback for the end of a request."""

    def ended(self, answer: AnswerParser, error: NotHttp | ConnectionEnded | None) -> None:
        """Called when the response was read to its end or limit; or with the error if there is no response."""
        ...


class Connection(asyncio.Protocol):
    """Created by the event loop. `send` sends a request; its exchange is called at the response's end.

    Data is parsed as it arrives, with the limits of AnswerParser. A receiver that sends endlessly therefore wakes no
    task and uses no memory: its connection is aborted.
    """

    def __init__(self, trusted: ssl.SSLContext | None = None, raw: asyncio.Transport | None = None) -> None:
        self.trusted = trusted  # the context of the TLS handshake
        self._raw = raw  # the transport beneath TLS
        self._transport: asyncio.Transport | None = None
        self._readable = select.poll()
        self._is_draining = False
        self._was_sent = False
        self._is_lost = False
        self._answer: AnswerParser | None = None
        self._exchange: Exchange | None = None
        self.idle_since = 0.0
        self.moved_at: float | None = None  # when data last arrived, if a delivery needs it

    # called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is connected, and the TLS handshake is done."""
        self._transport = cast(asyncio.Transport, transport)  # a stream's, as the protocol is
        # With these limits, `pause_writing` is called as soon as data is left in this process, and `resume_writing`
        # when none is. TLS pauses at its limit, not above it: with a limit of 0 it would pause even after everything
        # was written, and no connection would ever be reused.
        self._transport.set_write_buffer_limits(high=0 if self._raw is None else 1, low=0)
        self._readable.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)

    def pause_writing(self) -> None:
        """Part of the request is still in this process."""
        self._is_draining = True

    def resume_writing(self) -> None:
        """The whole request was passed to the operating system."""
        self._is_draining = False
        if self.moved_at is not None:
            self.moved_at = time.monotonic()

    def data_received(self, data: bytes) -> None:
        """Part of the response arrived, or unsolicited bytes, after which nothing more is read."""
        answer = self._answer
        if self.moved_at is not None:
            self.moved_at = time.monotonic()
        if answer is None:
            self._is_lost = True  # set now, not when the event loop has closed it: a delivery could take it in between
            self.abort()
            return
        try:
            answer.feed(data)
        except NotHttp as error:
            self._end(error)
            return
        if answer.is_complete:
            self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        """The other side closed the connection, or it broke."""
        self._was_sent = self._answer is not None and not self._is_draining
        self._is_lost = True
        if self._answer is not None:
            self._end(self._finished(self._answer))

    # called by deliveries

    def send(self, request: bytes, exchange: Exchange) -> None:
        """Send a request. `exchange` is called once at its end; immediately if the connection has ended meanwhile."""
        self._answer = AnswerParser()
        self._exchange = exchange
        self._was_sent = False
        if self._transport is None or self._is_lost:
            self._end(ConnectionEnded())
        else:
            self._transport.write(request)

    def interrupt(self) -> AnswerParser | None:
        """Abort the current request; its exchange is not called.

        Returns the response so far, if its status line was read completely.
        """
        answer, self._answer, self._exchange = self._answer, None, None
        return answer if answer is not None and self._finished(answer) is None else None

    @property
    def is_sent(self) -> bool:
        """Whether no part of the request is left in this process, or was left when the connection ended."""
        return self._was_sent or (not self._is_lost and self._left_nothing)

    @property
    def _left_nothing(self) -> bool:
        return not self._is_draining and (
            self._raw is None or self._raw.is_closing() or self._raw.get_write_buffer_size() == 0
        )

    @property
    def unsent_bytes(self) -> int:
        """The request's bytes still in this process, as reported by the event loop."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    @property
    def is_reusable(self) -> bool:
        """Whether the next request may use the connection: it is open, and the receiver has neither closed it nor sent
        anything.

        This checks the socket itself, because the event loop may not have seen a close yet.
        """
        return not self._is_lost and self._answer is None and self._left_nothing and not self._readable.poll(0)

    def abort(self) -> None:
        """Close the connection now and drop unsent data. close() would wait for the write buffer, which a receiver can
        block forever."""
        if self._transport is not None:
            self._transport.abort()

    def _end(self, error: NotHttp | ConnectionEnded | None) -> None:
        answer, self._answer = self._answer, None
        exchange, self._exchange = self._exchange, None
        if answer is not None and exchange is not None:
            exchange.ended(answer, error)

    @staticmethod
    def _finished(answer: AnswerParser) -> NotHttp | ConnectionEnded | None:
        """Return why the data received so far is not a response, if nothing more comes."""
        try:
            answer.end()
        except NotHttp as error:
            return error
        return ConnectionEnded() if answer.head is None else None
