"""Delivers to HTTP endpoints: one request, one Outcome, whatever the other side does."""

import asyncio
import logging
import ssl
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from kronos.delivery.answer import AnswerParser, NotHttp
from kronos.delivery.connection import Connection, ConnectionEnded
from kronos.delivery.connections import Connections, Origin
from kronos.delivery.egress import CheckedUrls, EgressPolicy, Resolver
from kronos.delivery.envelope import METHODS, Envelope, Undeliverable
from kronos.delivery.failures import name_of
from kronos.delivery.headers import check_headers
from kronos.delivery.headers import identity as identity_lines
from kronos.delivery.outcome import ErrorType, Outcome, aborted, answered, described, failed
from kronos.delivery.refused import Refused
from kronos.delivery.resolver import SystemResolver
from kronos.delivery.signing import Signer
from kronos.delivery.trust import Trust

MAX_BODY_BYTES = 1024 * 1024
_log = logging.getLogger(__name__)
_CANCELLED = "the delivery was cancelled"
_WORKER_STOPPED = "the worker stopped while the delivery was under way; whether it arrived is not known"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """Of a delivery's time, beside the one of the whole: for a new connection (name, address, TCP, TLS), and without a
    byte of the answer, or of the request that the receiver takes. None: no limit."""

    connect_seconds: float | None = None
    idle_seconds: float | None = None


NO_LIMITS = TimeLimits()


class HttpTransport:
    """The connections of one worker; `async with` opens and closes them.

    A delivery over a kept connection is begun by `send` and ended by a callback, of its connection or of the one
    timer that all deliveries share. It makes no task, no event and no timer; only a new connection takes a task.
    """

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        resolver: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
        ca_file: Path | None = None,
        most_idle: int = 256,
    ) -> None:
        self._most_idle = most_idle
        self._policy = policy
        self._urls = CheckedUrls(policy)
        self._resolver = resolver
        self._ssl_context = ssl_context
        self._ca_file = ca_file
        self._under_way: set[Sending] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self.is_cut_off = False

    async def __aenter__(self) -> Self:
        trust = Trust(self._ca_file, self._ssl_context)
        self._connections = Connections(
            self._policy, self._resolver or SystemResolver(), trust, most_idle=self._most_idle
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._connections.close()

    def cut_off(self) -> None:
        """End every delivery under way, and send none that is begun later: the worker stops. Each still has its
        outcome."""
        self.is_cut_off = True
        for sending in list(self._under_way):
            sending.stop("worker_stopped")

    def envelope(self, method: str, url: str, headers: Mapping[str, str]) -> Envelope | Undeliverable:
        """What all deliveries have in common that go to this URL by this method with these headers; it may be kept."""
        try:
            destination = self._urls.check(url)
            check_headers(headers)
        except Refused as refused:
            return Undeliverable(refused, method, url, headers)
        if method not in METHODS:
            return Undeliverable(
                Refused("bad_request", f"deliveries use {', '.join(METHODS)} only"), method, url, headers
            )
        return Envelope(method, url, headers, destination)

    async def deliver(self, delivery: HttpDelivery, *, signing_keys: Sequence[Signer] = ()) -> Outcome:
        """Send one request and say what became of it within `delivery.timeout`, which covers DNS and the whole answer.

        Raises nothing for what the remote side or the network does. Where no answer was read to its end, the
        connection is closed before this returns; also when it is cancelled.
        """
        ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def answer(outcome: Outcome) -> None:
            if not ended.done():
                ended.set_result(outcome)

        sending = self.send(
            self.envelope(delivery.method, delivery.url, delivery.headers),
            execution_id=str(delivery.execution_id),
            job_id=str(delivery.job_id),
            attempt_number=delivery.attempt_number,
            scheduled_at=delivery.scheduled_at,
            body=delivery.body,
            seconds=delivery.timeout.total_seconds(),
            expected=delivery.expected_status_codes,
            on_end=answer,
            keys=signing_keys,
        )
        try:
            return await ended
        except asyncio.CancelledError:
            if sending is not None:
                await sending.abandoned()
            raise

    def send(
        self,
        envelope: Envelope | Undeliverable,
        *,
        execution_id: str,
        job_id: str,
        attempt_number: int,
        scheduled_at: datetime,
        body: bytes,
        seconds: float,
        expected: Sequence[int],
        on_end: Callable[[Outcome], object],
        keys: Sequence[Signer] = (),
        limits: TimeLimits = NO_LIMITS,
    ) -> "Sending | None":
        """Begin a delivery that ends within `seconds`; `on_end` has its outcome then, once.

        None: `on_end` had it at once, and nothing was sent.
        """
        if not envelope.has_body:
            body = b""
        if isinstance(envelope, Undeliverable):
            on_end(failed(envelope.error_type, envelope.message, request=described(envelope.request, len(body))))
            return None
        request = described(envelope.described(has_body=bool(body), is_signed=bool(keys)), len(body))
        if len(body) > MAX_BODY_BYTES:
            message = f"the body has {len(body)} bytes, at most {MAX_BODY_BYTES} are sent"
            on_end(failed("bad_request", message, request=request))
            return None
        if self.is_cut_off:
            on_end(replace(failed("worker_stopped", _WORKER_STOPPED, request=request), is_cut_off=True, is_unsent=True))
            return None
        identity = identity_lines(
            execution_id=execution_id,
            job_id=job_id,
            attempt_number=attempt_number,
            scheduled_at=scheduled_at,
            timestamp=int(time.time()),
            body=body,
            keys=keys,
        )
        sending = Sending(
            self, self._connections, envelope.origin, execution_id, request, seconds, expected, on_end, limits
        )
        self._under_way.add(sending)
        if self._timer is None or sending.deadline < self._timer_at:
            self._wake_at(sending.deadline)
        sending.begin(envelope.request(identity, body))
        return sending

    def ends(self, sending: "Sending") -> bool:
        """Whether it ends now, and had not before."""
        if sending not in self._under_way:
            return False
        self._under_way.remove(sending)
        return True

    def _wake_at(self, deadline: float) -> None:
        """Set the timer to the first deadline. Deliveries that end before theirs leave it as it is."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        # uvloop rounds to milliseconds, and is not to come too early.
        seconds = max(deadline - time.monotonic(), 0) + 0.001
        self._timer = asyncio.get_running_loop().call_later(seconds, self._end_late_ones)

    def _end_late_ones(self) -> None:
        self._timer = None
        now = time.monotonic()
        for sending in [one for one in self._under_way if one.deadline <= now]:
            sending.late(now)
        if (first := min((one.deadline for one in self._under_way if one.deadline > now), default=None)) is not None:
            self._wake_at(first)


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
        transport: HttpTransport,
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
        self.deadline = self._started + seconds  # or, with an idle limit, when to look at it
        self._limits = limits
        self._unsent_bytes: int | None = None  # as they were at the last look
        if limits.idle_seconds is not None:
            self.deadline = min(self.deadline, self._started + limits.idle_seconds)
        self._connection: Connection | None = None
        self._is_kept = False
        self._opening: asyncio.Task[None] | None = None
        self._stopped: ErrorType | None = None  # why, while it is being opened

    def begin(self, request: bytes) -> None:
        """Send the request over a kept connection, or make one."""
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
        if self._stopped is not None:  # somebody below took the cancellation for an answer
            connection.abort()
            self._fail(self._stopped, self._why(self._stopped))
            return
        self._opening = None
        self._connection = connection
        if self._limits.idle_seconds is not None:
            connection.moved_at = time.monotonic()
        connection.send(request, self)

    def _opening_ended(self, task: asyncio.Task[None]) -> None:
        """Not within the task: one that is stopped before its first step never runs."""
        if task.cancelled():
            if self._stopped is not None:  # else the event loop ends
                self._fail(self._stopped, self._why(self._stopped))
        elif isinstance(error := task.exception(), Exception):
            self._fail(*self._error_of(error))

    def ended(self, answer: AnswerParser, error: NotHttp | ConnectionEnded | None) -> None:
        """Its connection calls this, once: the answer was read as far as answers are read, or there is none, and
        why."""
        if error is None and answer.keeps_alive and self._connection is not None and self._connection.is_sent:
            self._connections.keep(self._origin, self._connection)
            self._finish(self._judged(answer))
            return
        if error is None:  # one whose answer came before the request was read (413) would wait for its reader for ever
            self._finish_closed(self._judged(answer))
            return
        if self._is_kept and isinstance(error, ConnectionEnded):
            self._connections.closed_on_use(self._origin)
        self._fail(*self._error_of(error))

    def late(self, now: float) -> None:
        """Its deadline has come: it ends, or, where only its idle limit was looked at, has the next one."""
        ends_at = self._started + self._seconds
        limit = self._limits.idle_seconds
        if limit is None or now >= ends_at:
            self.stop("timeout")
            return
        moved_at = now if self._connection is None else self._moved_at(self._connection, now)
        if moved_at + limit <= now:
            self.stop("timeout", f"no byte from the endpoint for {limit:g} s")
        else:
            self.deadline = min(ends_at, moved_at + limit)

    def _moved_at(self, connection: Connection, now: float) -> float:
        """When a byte last came from the receiver, or was taken by it."""
        unsent = 0 if connection.is_sent else connection.unsent_bytes
        if unsent and unsent != self._unsent_bytes:
            self._unsent_bytes, connection.moved_at = unsent, now
        return connection.moved_at or now

    def stop(self, why: ErrorType, message: str | None = None) -> None:
        """Time is over, the execution was cancelled, or the worker stops.

        Where a status line was read, it counts: the receiver has said what it made of the delivery.
        """
        if self._opening is not None:
            if self._stopped is None:
                self._stopped = why
                self._opening.cancel()
            return
        if (connection := self._connection) is None:
            return  # it ended in the same round of the event loop
        message = message or self._why(why)
        if (answer := connection.interrupt()) is not None:
            self._finish_closed(self._judged(answer))
        else:
            self._fail(why, message)

    async def abandoned(self) -> None:
        """Who waited for it does so no longer: close its connection, and return when it is closed."""
        opening = self._opening
        self.stop("worker_stopped")
        if opening is not None:
            await asyncio.wait({opening})
        await asyncio.sleep(0)

    def _why(self, why: ErrorType) -> str:
        if why == "cancelled":
            if self._connection is None:
                return f"{_CANCELLED} before anything of it was sent"
            if not self._connection.is_sent:
                return f"{_CANCELLED} while it was being sent; its connection was closed before the end of the request"
            return f"{_CANCELLED} and its connection closed; whether it arrived is not known"
        if why != "timeout":
            return _WORKER_STOPPED
        if self._connection is None:
            return f"no connection to the endpoint within {self._seconds:g} s"
        if not self._connection.is_sent:
            return f"the endpoint did not read the request within {self._seconds:g} s"
        return f"no answer from the endpoint within {self._seconds:g} s"

    def _judged(self, answer: AnswerParser) -> Outcome:
        duration = timedelta(seconds=time.monotonic() - self._started)
        try:
            return answered(answer, expected=self._expected, request=self._request, duration=duration)
        except Exception as error:  # a callback of the event loop: an exception would be lost, and the claim with it
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
        """Abort the connection, and end once the event loop has closed its socket, in its next round."""
        if self._connection is not None:
            self._connection.abort()
        self._opening = self._connection = None
        asyncio.get_running_loop().call_soon(self._finish, outcome)

    def _finish(self, outcome: Outcome) -> None:
        self._connection = None
        if self._transport.ends(self):
            self._on_end(outcome)

    def _error_of(self, error: Exception) -> tuple[ErrorType, str]:
        """Our name for an exception. Texts that are not ours carry addresses and URLs, and are never passed on."""
        if isinstance(error, NotHttp | ConnectionEnded | OSError):
            return name_of(error, is_sent=self._connection is not None and self._connection.is_sent)
        return self._unforeseen(error)

    def _unforeseen(self, error: Exception) -> tuple[ErrorType, str]:
        # The exception's text may hold addresses: log its trace only.
        trace = "".join(traceback.format_tb(error.__traceback__))
        _log.error("execution %s: unforeseen %s\n%s", self._execution_id, type(error).__name__, trace)
        return "internal", "the answer met an error in Kronos; its worker's log has the trace"
