"""An HTTP delivery under way: started, ended by its connection or by the transport's timer, and reported once."""

import asyncio
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from kronos.delivery.answer import AnswerParser, NotHttp
from kronos.delivery.connection import Connection, ConnectionEnded
from kronos.delivery.connections import Connections, Origin
from kronos.delivery.failures import name_of
from kronos.delivery.outcome import CANCELLED, WORKER_STOPPED, ErrorType, Outcome, aborted, answered, failed
from kronos.lines import Log
from kronos.records import dataclass

_log = Log(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """A delivery's time limits in addition to the total: for a new connection (name, address, TCP, TLS), and for the
    time in which no byte of the response arrives and no byte of the request is accepted. None: no limit."""

    connect_seconds: float | None = None
    idle_seconds: float | None = None


NO_LIMITS = TimeLimits()


class Sender(Protocol):
    """The transport that sends deliveries and keeps their deadlines."""

    def ends(self, sending: "Sending") -> bool:
        """Note the end of a delivery. Returns False if it had already ended."""
        ...


class Sending:
    """One delivery under way."""

    __slots__ = (
        "_connection",
        "_connections",
        "_execution_id",
        "_expected",
        "_is_kept",
        "_limits",
        "_on_end",
        "_opening",
        "_origin",
        "_request",
        "_seconds",
        "_started",
        "_stopped",
        "_transport",
        "_unsent_bytes",
        "deadline",
    )

    def __init__(
        self,
        transport: Sender,
        connections: Connections,
        origin: Origin,
        execution_id: str,
        request: str,
        seconds: float,
        expected: Sequence[int],
        on_end: Callable[[Outcome], object],
        limits: TimeLimits = NO_LIMITS,
    ) -> None:
        self._transport = transport
        self._connections = connections
        self._origin = origin
        self._execution_id = execution_id
        self._request = request  # as attempts store it
        self._seconds = seconds
        self._expected = expected
        self._on_end = on_end
        self._started = time.monotonic()
        self.deadline = self._started + seconds  # or, with an idle limit, when to check it
        self._limits = limits
        self._unsent_bytes: int | None = None  # as of the last check
        if limits.idle_seconds is not None:
            self.deadline = min(self.deadline, self._started + limits.idle_seconds)
        self._connection: Connection | None = None
        self._is_kept = False
        self._opening: asyncio.Task[None] | None = None
        self._stopped: ErrorType | None = None  # the reason, while the connection is being opened

    @property
    def _ends_at(self) -> float:
        return self._started + self._seconds

    def begin(self, request: bytes) -> None:
        """Send the request over a kept connection, or open one."""
        origin = self._origin
        if (origin.is_tls and self._connections.trust.may_have_changed) or (
            kept := self._connections.take_kept(origin)
        ) is None:
            self._opening = asyncio.create_task(self._open(request))
            self._opening.add_done_callback(self._opening_ended)
            return
        self._connection, self._is_kept = kept, True
        if self._limits.idle_seconds is not None:
            kept.moved_at = time.monotonic()
        try:
            kept.send(request, self)
        except Exception as error:
            self._fail(*self._error_of(error))

    async def _open(self, request: bytes) -> None:
        if self._origin.is_tls:
            await self._connections.trust.look_again()
            self._connection = self._connections.take_kept(self._origin)
            self._is_kept = self._connection is not None
        limit = self._limits.connect_seconds
        try:
            async with asyncio.timeout(limit):
                connection = self._connection or await self._connections.open(self._origin)
        except TimeoutError:
            self._fail("timeout", f"no connection to the endpoint within {limit:g} s")
            return
        # Either a library swallowed the cancellation, or the time ran out while this process was stopped, and another
        # worker may be sending the request now.
        if self._stopped is not None or time.monotonic() >= self._ends_at:
            connection.abort()
            self._connection = None
            self._fail(self._stopped or "timeout", self._why(self._stopped or "timeout"))
            return
        self._opening = None
        self._connection = connection
        if self._limits.idle_seconds is not None:
            connection.moved_at = time.monotonic()
        connection.send(request, self)

    def _opening_ended(self, task: asyncio.Task[None]) -> None:
        """Runs outside the task, because a task stopped before its first step never runs."""
        if task.cancelled():
            if self._stopped is not None:  # otherwise the event loop is ending
                self._fail(self._stopped, self._why(self._stopped))
        elif isinstance(error := task.exception(), Exception):
            self._fail(*self._error_of(error))

    def ended(self, answer: AnswerParser, error: NotHttp | ConnectionEnded | None) -> None:
        """Called once by the connection: the response was read to its end or limit, or with the error if there is
        none."""
        if error is None and answer.keeps_alive and self._connection is not None and self._connection.is_sent:
            self._connections.keep(self._origin, self._connection)
            self._finish(self._judged(answer))
            return
        if error is None:  # if the response came before the request was read (413), the connection would wait forever
            self._finish_closed(self._judged(answer))
            return
        if self._is_kept and isinstance(error, ConnectionEnded):
            self._connections.closed_on_use(self._origin)
        self._fail(*self._error_of(error))

    def late(self, now: float) -> None:
        """Handle the deadline: end the delivery, or set the next deadline if only the idle limit was checked."""
        limit = self._limits.idle_seconds
        if limit is None or now >= self._ends_at:
            self.stop("timeout")
            return
        moved_at = now if self._connection is None else self._moved_at(self._connection, now)
        if moved_at + limit <= now:
            self.stop("timeout", f"no byte from the endpoint for {limit:g} s")
        else:
            self.deadline = min(self._ends_at, moved_at + limit)

    def _moved_at(self, connection: Connection, now: float) -> float:
        """Return when a byte last came from the receiver, or was accepted by it."""
        unsent = 0 if connection.is_sent else connection.unsent_bytes
        if unsent and unsent != self._unsent_bytes:
            self._unsent_bytes, connection.moved_at = unsent, now
        return connection.moved_at or now

    def stop(self, why: ErrorType, message: str | None = None) -> None:
        """Abort the delivery: time ran out, the execution was cancelled, or the worker stops.

        If a status line was read, it counts: the receiver has reported the result.
        """
        if self._opening is not None:
            if self._stopped is None:
                self._stopped = why
                self._opening.cancel()
            return
        if (connection := self._connection) is None:
            return  # it ended in the same event-loop iteration
        message = message or self._why(why)
        if (answer := connection.interrupt()) is not None:
            self._finish_closed(self._judged(answer))
        else:
            self._fail(why, message)

    async def abandoned(self) -> None:
        """Close the connection after the caller stopped waiting, and return when it is closed."""
        opening = self._opening
        self.stop("worker_stopped")
        if opening is not None:
            await asyncio.wait({opening})
        await asyncio.sleep(0)

    def _why(self, why: ErrorType) -> str:
        if why == "cancelled":
            if self._connection is None:
                return f"{CANCELLED} before anything was sent"
            if not self._connection.is_sent:
                return f"{CANCELLED} while it was being sent; the connection was closed before the end of the request"
            return f"{CANCELLED} and the connection closed; whether it arrived is not known"
        if why != "timeout":
            return WORKER_STOPPED
        if self._connection is None:
            return f"no connection to the endpoint within {self._seconds:g} s"
        if not self._connection.is_sent:
            return f"the endpoint did not read the request within {self._seconds:g} s"
        return f"no response from the endpoint within {self._seconds:g} s"

    def _judged(self, answer: AnswerParser) -> Outcome:
        duration = timedelta(seconds=time.monotonic() - self._started)
        try:
            return answered(answer, expected=self._expected, request=self._request, duration=duration)
        except Exception as error:  # in an event-loop callback an exception would be lost, and the claim with it
            error_type, message = self._unforeseen(error)
            return failed(error_type, message, request=self._request, duration=duration)

    def _fail(self, error_type: ErrorType, message: str) -> None:
        duration = timedelta(seconds=time.monotonic() - self._started)
        if error_type == "cancelled":
            is_sent = self._connection is not None and self._connection.is_sent
            self._finish_closed(aborted(message, is_sent=is_sent, request=self._request, duration=duration))
            return
        outcome = failed(error_type, message, request=self._request, duration=duration)
        is_sent = self._connection is not None and self._connection.is_sent
        if error_type == "worker_stopped":
            outcome = replace(outcome, is_cut_off=True, is_unsent=self._connection is None)
        elif error_type in ("timeout", "internal", "bad_response") and is_sent:
            outcome = replace(outcome, is_unknown=True)
        self._finish_closed(outcome)

    def _finish_closed(self, outcome: Outcome) -> None:
        """Abort the connection, and finish when the event loop has closed its socket, in its next iteration."""
        if self._connection is not None:
            self._connection.abort()
        self._opening = self._connection = None
        asyncio.get_running_loop().call_soon(self._finish, outcome)

    def _finish(self, outcome: Outcome) -> None:
        self._connection = None
        if self._transport.ends(self):
            self._on_end(outcome)

    def _error_of(self, error: Exception) -> tuple[ErrorType, str]:
        """Return our name for an exception. Other texts contain addresses and URLs, and are never passed on."""
        if isinstance(error, NotHttp | ConnectionEnded | OSError):
            return name_of(error, is_sent=self._connection is not None and self._connection.is_sent)
        return self._unforeseen(error)

    def _unforeseen(self, error: Exception) -> tuple[ErrorType, str]:
        # The exception's text may contain addresses: log only its trace.
        trace = "".join(traceback.format_tb(error.__traceback__))
        _log.error(
            "delivery.unforeseen",
            "execution %s: unexpected %s\n%s",
            self._execution_id,
            type(error).__name__,
            trace,
            execution_id=self._execution_id,
        )
        return "internal", "internal error in Kronos; see the worker's log for the trace"
