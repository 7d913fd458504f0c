"""The requests of a client that have no answer yet: it may end its input before it has read the last of them."""

from collections import Counter
from types import TracebackType
from typing import Protocol, Self

from anyio import Event, move_on_after
from mcp.shared.dispatcher import coerce_request_id
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCError, JSONRPCResponse, RequestId


class AnswerStream(Protocol):
    """Where answers are sent."""

    async def send(self, item: SessionMessage, /) -> None:
        """Send one answer."""

    async def aclose(self) -> None:
        """Close it."""


class Unanswered:
    """Counts requests until each is answered or cancelled. An ID may stand for several of them."""

    def __init__(self) -> None:
        self._open: Counter[RequestId] = Counter()
        self._none_left = Event()

    def begin(self, request_id: RequestId) -> None:
        """Note a request."""
        self._open[coerce_request_id(request_id)] += 1

    def end(self, request_id: RequestId) -> None:
        """Note that a request has its answer, or that the client no longer wants one."""
        self._open -= Counter([coerce_request_id(request_id)])
        if not self._open:
            self._none_left.set()

    async def all_ended(self, seconds: float) -> None:
        """Return when no request waits any more, or after this time."""
        if self._open:
            self._none_left = Event()
            with move_on_after(seconds):
                await self._none_left.wait()


class Answers:
    """The stream of answers: each ends the wait of its request once it was sent."""

    def __init__(self, stream: AnswerStream, waiting: Unanswered) -> None:
        self._stream = stream
        self._waiting = waiting

    async def send(self, item: SessionMessage, /) -> None:
        """Send a message."""
        await self._stream.send(item)
        if isinstance(item.message, JSONRPCResponse | JSONRPCError) and item.message.id is not None:
            self._waiting.end(item.message.id)

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
