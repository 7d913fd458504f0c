"""Deliver to HTTP endpoints: one request, one Outcome, whatever the receiver does."""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from kronos.delivery.connections import Connections
from kronos.delivery.egress import CheckedUrls, EgressPolicy, Resolver
from kronos.delivery.envelope import METHODS, Envelope, Undeliverable, envelope
from kronos.delivery.headers import check_headers
from kronos.delivery.headers import identity as identity_lines
from kronos.delivery.late import LATE_SECONDS, READ_SECONDS
from kronos.delivery.outcome import WORKER_STOPPED, Outcome, described, failed
from kronos.delivery.ready import ReadyHead
from kronos.delivery.refused import Refused
from kronos.delivery.resolver import SystemResolver
from kronos.delivery.sending import NO_LIMITS, Sending, TimeLimits
from kronos.delivery.signing import Signer
from kronos.delivery.trust import Trust
from kronos.model import Json
from kronos.records import dataclass
from kronos.server_time import CLOCK

MAX_BODY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpDelivery:
    """One attempt, with everything rendered and nothing resolved. A GET is sent without its body."""

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


class HttpTransport:
    """The connections of one worker; `async with` opens and closes them.

    `send` begins a delivery over a kept connection. A callback ends it: its connection's, or that of the timer that all
    deliveries share. It creates no task, event or timer; only a new connection needs a task.
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
        self._has_read_first = False
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
        """Abort every delivery under way, and send none begun later, because the worker stops. Each still reports its
        outcome."""
        self.is_cut_off = True
        for sending in list(self._under_way):
            sending.stop("worker_stopped")

    def envelope(self, method: str, url: str, headers: Mapping[str, str]) -> Envelope | Undeliverable:
        """Return the common part of all deliveries with this method, URL and headers. It may be cached."""
        try:
            destination = self._urls.check(url)
            check_headers(headers)
        except Refused as refused:
            return Undeliverable(refused, method, url, headers)
        if method not in METHODS:
            return Undeliverable(
                Refused("bad_request", f"deliveries use {', '.join(METHODS)} only"), method, url, headers
            )
        return envelope(method, url, headers, destination)

    def head(self, method: str, url: str, headers: Mapping[str, str], config: Json = None) -> ReadyHead:
        """Precompile the templates of a URL and headers, with their config values, for many deliveries. Raises Refused
        if they cannot be."""
        return ReadyHead(method, url, headers, self._urls.check, config)

    async def deliver(self, delivery: HttpDelivery, *, signing_keys: Sequence[Signer] = ()) -> Outcome:
        """Send one request and return its outcome within `delivery.timeout`, which covers DNS and the whole response.

        Raises nothing, whatever the receiver or the network does. Unless a response was read to its end, the connection
        is closed before this returns, also on cancellation.
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
        traceparent: str | None = None,
    ) -> Sending | None:
        """Begin a delivery that ends within `seconds`, and call `on_end` once with its outcome.

        `traceparent`: the delivery's span, if traced. Returns None if nothing was sent; `on_end` was then already
        called.
        """
        if not envelope.has_body:
            body = b""
        if isinstance(envelope, Undeliverable):
            on_end(failed(envelope.error_type, envelope.message, request=described(envelope.request, len(body))))
            return None
        request = described(envelope.described(has_body=bool(body), is_signed=bool(keys)), len(body))
        if len(body) > MAX_BODY_BYTES:
            message = f"the body has {len(body)} bytes; at most {MAX_BODY_BYTES} are allowed"
            on_end(failed("bad_request", message, request=request))
            return None
        if self.is_cut_off:
            on_end(replace(failed("worker_stopped", WORKER_STOPPED, request=request), is_cut_off=True, is_unsent=True))
            return None
        identity = identity_lines(
            execution_id=execution_id,
            job_id=job_id,
            attempt_number=attempt_number,
            scheduled_at=scheduled_at,
            timestamp=int(CLOCK.seconds()),
            body=body,
            keys=keys,
            traceparent=traceparent,
        )
        sending = Sending(
            self, self._connections, envelope.origin, execution_id, request, seconds, expected, on_end, limits
        )
        self._under_way.add(sending)
        if self._timer is None or sending.deadline < self._timer_at:
            self._wake_at(sending.deadline)
        sending.begin(envelope.request(identity, body))
        return sending

    def ends(self, sending: Sending) -> bool:
        """Note the end of a delivery. Returns False if it had already ended."""
        if sending not in self._under_way:
            return False
        self._under_way.remove(sending)
        return True

    def _wake_at(self, deadline: float) -> None:
        """Set the timer to the earliest deadline. Deliveries that end before their deadline leave it unchanged."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        # uvloop rounds to milliseconds; the timer must not fire too early.
        seconds = max(deadline - time.monotonic(), 0) + 0.001
        self._timer = asyncio.get_running_loop().call_later(seconds, self._end_late_ones)

    def _end_late_ones(self) -> None:
        """End deliveries whose deadline has passed.

        If the timer itself is late, as after SIGSTOP or a machine's sleep, data that arrived meanwhile is read first:
        event loops run timers before sockets."""
        self._timer = None
        now = time.monotonic()
        if now - self._timer_at > LATE_SECONDS and not self._has_read_first:
            self._has_read_first = True
            self._wake_at(now + READ_SECONDS)
            return
        self._has_read_first = False
        for sending in [one for one in self._under_way if one.deadline <= now]:
            sending.late(now)
        if (first := min((one.deadline for one in self._under_way if one.deadline > now), default=None)) is not None:
            self._wake_at(first)
