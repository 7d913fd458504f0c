"""Deliver messages to brokers: one message, one acknowledgement, one Outcome, whatever the broker does."""

import asyncio
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from kronos.certificates import CertificatesInvalid
from kronos.delivery import drivers
from kronos.delivery.destinations import (
    MAX_MESSAGE_BYTES,
    BrokerError,
    Destination,
    KafkaTopic,
    Mail,
    Message,
    RedisStream,
    described,
)
from kronos.delivery.egress import EgressPolicy, Resolver
from kronos.delivery.late import acknowledged_within
from kronos.delivery.outcome import CANCELLED, WORKER_STOPPED, ErrorType, Outcome, aborted, failed
from kronos.delivery.progress import Progress
from kronos.delivery.resolver import SystemResolver
from kronos.delivery.sanitise import json_bytes
from kronos.delivery.trust import Trust
from kronos.lines import Log
from kronos.model import JsonObject

if TYPE_CHECKING:
    from kronos.delivery.email import MailTransport
    from kronos.delivery.kafka import KafkaTransport
    from kronos.delivery.redis_stream import RedisTransport

_log = Log(__name__)


class MessageSending:
    """One delivery under way."""

    __slots__ = ("task", "why")

    def __init__(self, task: asyncio.Task[Outcome]) -> None:
        self.task = task
        self.why: ErrorType | None = None

    def stop(self, why: ErrorType) -> None:
        """Abort the delivery: its execution was cancelled, or the worker stops. Its outcome is still reported.

        An entry's connection is closed with its unsent data. A record already passed to the cluster's client may
        still be sent, because it shares a connection with others.
        """
        if self.why is None:
            self.why = why
            self.task.cancel()


class Streams:
    """The broker clients of one worker; `async with` closes them. None is created before the first message."""

    def __init__(self, policy: EgressPolicy, *, resolver: Resolver | None = None, ca_file: Path | None = None) -> None:
        self.policy = policy
        self._resolver = resolver
        self._ca_file = ca_file
        self._trust: Trust | None = None
        self._under_way: set[MessageSending] = set()
        self._redis: RedisTransport | None = None
        self._kafka: KafkaTransport | None = None
        self._mail: MailTransport | None = None
        self.is_cut_off = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        under_way = [sending.task for sending in self._under_way]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        for transport in (self._redis, self._kafka):
            if transport is not None:
                await transport.close()
        if self._resolver is not None:
            await self._resolver.close()
        await asyncio.sleep(0)  # the event loop closes an aborted connection's socket in its next iteration

    def cut_off(self) -> None:
        """Abort every delivery under way, and send none begun later, because the worker stops. Each still reports its
        outcome."""
        self.is_cut_off = True
        for sending in list(self._under_way):
            sending.stop("worker_stopped")

    def send(
        self, to: Destination, message: Message, *, seconds: float, on_end: Callable[[Outcome], object]
    ) -> MessageSending | None:
        """Begin a delivery that ends within `seconds`, and call `on_end` once with its outcome. Raises nothing.

        Returns None if nothing was sent; `on_end` was then already called.
        """
        started, progress = time.monotonic(), Progress()

        def cut_off(why: ErrorType) -> Outcome:
            request = described(to, message)
            if why == "cancelled":
                text = _cancelled(to, progress)
                return aborted(text, is_sent=progress.is_sent, request=request, duration=_since(started))
            outcome = failed("worker_stopped", WORKER_STOPPED, request=request, duration=_since(started))
            return replace(outcome, is_cut_off=True, is_unsent=not progress.is_sent)

        def ended(task: asyncio.Task[Outcome]) -> None:
            """Runs outside the task, because a task cancelled before its first step never runs."""
            self._under_way.discard(sending)
            if not task.cancelled():
                on_end(task.result())
            elif sending.why is not None:  # otherwise the event loop is ending
                on_end(cut_off(sending.why))

        if self.is_cut_off:
            on_end(cut_off("worker_stopped"))
            return None
        sending = MessageSending(asyncio.create_task(self._deliver(to, message, seconds, progress)))
        self._under_way.add(sending)
        sending.task.add_done_callback(ended)
        return sending

    async def deliver(self, to: Destination, message: Message, *, seconds: float) -> Outcome:
        """Like `send`, but await the outcome. After a cancellation, nothing is left of the delivery on return."""
        return await self._deliver(to, message, seconds, Progress())

    async def _deliver(self, to: Destination, message: Message, seconds: float, progress: Progress) -> Outcome:
        started = time.monotonic()
        request = described(to, message)
        try:
            async with acknowledged_within(seconds, progress):
                response = await self._exchange(to, message, progress, started + seconds)
        except BrokerError as error:
            if error.is_unknown or (error.kind == "timeout" and progress.is_sent):
                return _unknown(error.kind, error.message, request, started)
            outcome = failed(error.kind, error.message, request=request, duration=_since(started))
            return replace(outcome, retryable=error.is_retryable)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            # Something that the delivery awaited was cancelled, not the delivery. A claim must end in a result, or its
            # slot is lost.
            why = "an operation that the delivery waited for was cancelled"
            if progress.is_sent:
                why = f"{why}; whether the broker has the message is not known"
                return _unknown("internal", why, request, started)
            return failed("internal", why, request=request, duration=_since(started))
        except TimeoutError:
            if progress.is_sent:
                why = f"the message was not acknowledged within {seconds:g} s; whether the broker has it is not known"
                return _unknown("timeout", why, request, started)
            what = "the message could not be sent" if progress.is_connected else "no connection to the broker"
            return failed("timeout", f"{what} within {seconds:g} s", request=request, duration=_since(started))
        except Exception as error:
            # The exception's text may contain addresses and secrets: log only its trace.
            trace = "".join(traceback.format_tb(error.__traceback__))
            _log.error(
                "delivery.unforeseen", "unexpected %s in a delivery to a broker\n%s", type(error).__name__, trace
            )
            why = "internal error in Kronos; see the worker's log for the trace"
            if progress.is_sent:
                return _unknown("internal", why, request, started)
            return failed("internal", why, request=request, duration=_since(started))
        return Outcome(
            status="SUCCESS",
            retryable=False,
            retry_after=None,
            request=request,
            response=json_bytes(response).decode(),
            error=None,
            duration=_since(started),
        )

    async def _exchange(self, to: Destination, message: Message, progress: Progress, ends_at: float) -> JsonObject:
        if message.bytes > MAX_MESSAGE_BYTES:
            why = f"the message has {message.bytes} bytes; at most {MAX_MESSAGE_BYTES} are allowed"
            raise BrokerError("bad_request", why, is_retryable=False)
        trust = self._trust_of(to)
        if trust is not None and trust.may_have_changed:
            await trust.look_again()
        match to:
            case RedisStream():
                return await self._redis_transport().deliver(to, message, progress, trust)
            case Mail():
                return await self._mail_transport().deliver(to, message, progress, trust)
            case KafkaTopic():
                return await self._kafka_transport().deliver(to, message, progress, trust, ends_at)

    def _trust_of(self, to: Destination) -> Trust | None:
        tls = to.cluster.tls if isinstance(to, KafkaTopic) else to.server.tls
        if tls is not None and self._trust is None:
            try:
                self._trust = Trust(self._ca_file)
            except CertificatesInvalid as error:
                _log.error("ca_file.broken", "KRONOS_CA_FILE: %s; no broker over TLS can be reached", error)
                why = "this worker cannot read the authorities in KRONOS_CA_FILE; see its log"
                raise BrokerError("tls", why) from error
        return self._trust if tls is not None else None

    def _redis_transport(self) -> "RedisTransport":
        if self._redis is None:
            _refuse_missing("REDIS_STREAM")
            from kronos.delivery.redis_stream import RedisTransport

            self._redis = RedisTransport(self.policy, self._names())
        return self._redis

    def _kafka_transport(self) -> "KafkaTransport":
        if self._kafka is None:
            _refuse_missing("KAFKA")
            from kronos.delivery.kafka import KafkaTransport

            self._kafka = KafkaTransport(self.policy, self._names())
        return self._kafka

    def _mail_transport(self) -> "MailTransport":
        if self._mail is None:
            _refuse_missing("EMAIL")
            from kronos.delivery.email import MailTransport

            self._mail = MailTransport(self.policy, self._names())
        return self._mail

    def _names(self) -> Resolver:
        if self._resolver is None:
            self._resolver = SystemResolver()
        return self._resolver


def _refuse_missing(kind: drivers.Optional) -> None:
    if drivers.is_missing(kind):
        why = f"this worker has no driver for endpoints of type {kind}; install it: {drivers.how_to_install(kind)}"
        raise BrokerError("driver", why)


def _cancelled(to: Destination, progress: Progress) -> str:
    if not progress.is_sent:
        return f"{CANCELLED} before anything was sent"
    if isinstance(to, KafkaTopic):
        return (
            f"{CANCELLED}; the record had already been passed to the client and may still be sent: whether it is "
            "stored is not known"
        )
    what = "the mail was accepted" if isinstance(to, Mail) else "the entry is stored"
    return f"{CANCELLED} and the connection closed; whether {what} is not known"


def _unknown(kind: ErrorType, message: str, request: str, started: float) -> Outcome:
    """Return the outcome of a message that was sent, but may or may not have arrived."""
    outcome = failed(kind, message, request=request, duration=_since(started))
    return replace(outcome, status="UNKNOWN", retryable=True, is_unknown=True)


def _since(started: float) -> timedelta:
    return timedelta(seconds=time.monotonic() - started)
