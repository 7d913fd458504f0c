"""One connection to a receiver: one request at a time is sent over it and its answer read. No task waits for it."""

import asyncio
import select
import ssl
import time
from typing import Protocol, cast

from kronos.delivery.answer import AnswerParser, NotHttp


class ConnectionEnded(Exception):
    """The connection ended before a status line was read."""


class Exchange(Protocol):
    """Hears of the end of what was sent."""

    def ended(self, answer: AnswerParser, error: NotHttp | ConnectionEnded | None) -> None:
        """The answer was read to its end or to the most that is read; or there is none, and why."""
        ...


class Connection(asyncio.Protocol):
    """Made by the event loop; `send` sends a request, and its exchange hears of the answer's end.

    What is read is parsed as it comes and bounded by AnswerParser, so a receiver that sends without end wakes no task
    and holds no memory: its connection is aborted.
    """

    def __init__(self, trusted: ssl.SSLContext | None = None, raw: asyncio.Transport | None = None) -> None:
        self.trusted = trusted  # what TLS was agreed under
        self._raw = raw  # what is beneath TLS
        self._transport: asyncio.Transport | None = None
        self._readable = select.poll()
        self._is_draining = False
        self._was_sent = False
        self._is_lost = False
        self._answer: AnswerParser | None = None
        self._exchange: Exchange | None = None
        self.idle_since = 0.0
        self.moved_at: float | None = None  # when something last came, where a delivery wants to know it

    # what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there, TLS agreed."""
        self._transport = cast(asyncio.Transport, transport)  # a stream's, as the protocol is
        # With these marks `pause_writing` says at once that something is left in this process, `resume_writing` that
        # nothing is. TLS pauses at its mark and not beyond: with a mark of 0 it pauses when all was written, and no
        # connection was used twice.
        self._transport.set_write_buffer_limits(high=0 if self._raw is None else 1, low=0)
        self._readable.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)

    def pause_writing(self) -> None:
        """Something of the request is still in this process."""
        self._is_draining = True

    def resume_writing(self) -> None:
        """All of it was handed to the operating system."""
        self._is_draining = False
        if self.moved_at is not None:
            self.moved_at = time.monotonic()

    def data_received(self, data: bytes) -> None:
        """Something of the answer, or bytes that nobody asked for: then nothing more is read."""
        answer = self._answer
        if self.moved_at is not None:
            self.moved_at = time.monotonic()
        if answer is None:
            self._is_lost = (
                True  # now, and not only when the event loop has closed it: else a delivery takes it in between
            )
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
        """The other side has closed, or the connection broke."""
        self._was_sent = self._answer is not None and not self._is_draining
        self._is_lost = True
        if self._answer is not None:
            self._end(self._finished(self._answer))

    # what a delivery calls

    def send(self, request: bytes, exchange: Exchange) -> None:
        """Send a request. `exchange` hears of its end, once; at once where the connection has ended meanwhile."""
        self._answer = AnswerParser()
        self._exchange = exchange
        self._was_sent = False
        if self._transport is None or self._is_lost:
            self._end(ConnectionEnded())
        else:
            self._transport.write(request)

    def interrupt(self) -> AnswerParser | None:
        """End the request that is under way: its exchange hears nothing more.

        Returns what came of its answer, where its status line was read whole.
        """
        answer, self._answer, self._exchange = self._answer, None, None
        return answer if answer is not None and self._finished(answer) is None else None

    @property
    def is_sent(self) -> bool:
        """Whether nothing of the request is, or was when the connection ended, left in this process."""
        return self._was_sent or (not self._is_lost and self._left_nothing)

    @property
    def _left_nothing(self) -> bool:
        return not self._is_draining and (
            self._raw is None or self._raw.is_closing() or self._raw.get_write_buffer_size() == 0
        )

    @property
    def unsent_bytes(self) -> int:
        """Of the request, in this process, as far as the event loop says."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    @property
    def is_reusable(self) -> bool:
        """Whether the next request may be sent over it: it is there, and its receiver has neither closed it nor sent
        anything.

        Asked of the operating system: the event loop has not always seen the close by now.
        """
        return not self._is_lost and self._answer is None and self._left_nothing and not self._readable.poll(0)

    def abort(self) -> None:
        """Close it now, whatever is left unsent: close() alone waits for the write buffer, which a receiver may hold
        for ever."""
        if self._transport is not None:
            self._transport.abort()

    def _end(self, error: NotHttp | ConnectionEnded | None) -> None:
        answer, self._answer = self._answer, None
        exchange, self._exchange = self._exchange, None
        if answer is not None and exchange is not None:
            exchange.ended(answer, error)

    @staticmethod
    def _finished(answer: AnswerParser) -> NotHttp | ConnectionEnded | None:
        """Why an answer of which nothing more comes is none."""
        try:
            answer.end()
        except NotHttp as error:
            return error
        return ConnectionEnded() if answer.head is None else None
