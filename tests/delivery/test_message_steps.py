"""A message to a broker, step by step: what is known at each moment at which its delivery can end. The client of the
broker is the test's.
"""

import asyncio
import gc
import json
import ssl
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from delivery.sending import LOCAL
from kronos.delivery import drivers, email, kafka, redis_stream
from kronos.delivery.destinations import (
    MAX_MESSAGE_BYTES,
    BrokerError,
    Destination,
    KafkaCluster,
    KafkaTopic,
    Mail,
    MailServer,
    Message,
    RedisServer,
    RedisStream,
    Tls,
)
from kronos.delivery.outcome import ErrorType, Outcome
from kronos.delivery.progress import Progress
from kronos.delivery.streams import Streams
from told import told
from worker.running import until

_REDIS = RedisStream(server=RedisServer(host="127.0.0.1", port=6379, db=0), stream="s")
_KAFKA = KafkaTopic(cluster=KafkaCluster(bootstrap=(("127.0.0.1", 9092),)), topic="t")
_MAIL = Mail(
    server=MailServer(host="127.0.0.1", port=25, is_tls_first=False), sender="a@b.example", to=("c@d.example",)
)
_EACH = pytest.mark.parametrize("to", [_REDIS, _KAFKA, _MAIL], ids=["redis", "kafka", "mail"])
_MESSAGE = Message(pairs=(("a", b"b"),))
_UNKNOWN = "; whether the broker has the message is not known"


class Client:
    """Stands for the clients of all kinds of brokers: it gets as far as the test says, and then answers, fails or waits
    for ever."""

    def __init__(self, *, is_connected: bool = False, is_sent: bool = False) -> None:
        self._progress = is_connected or is_sent, is_sent
        self.fails: Callable[[], BaseException] | None = None
        self.waits = False
        self.made = self.calls = self.closes = 0
        self.is_waiting = asyncio.Event()

    def make(self, *_: object) -> "Client":
        self.made += 1
        return self

    async def deliver(self, to: Destination, message: Message, progress: Progress, *rest: Any) -> dict[str, Any]:
        self.calls += 1
        self.rest = rest
        progress.is_connected, progress.is_sent = self._progress
        if self.fails is not None:
            raise self.fails()
        if self.waits:
            self.is_waiting.set()
            await asyncio.Event().wait()
        return {"answer": 1}

    async def close(self) -> None:
        self.closes += 1


@pytest.fixture
def served_by(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Client]:
    """Put a client in the place of each kind's own."""

    def put(**progress: bool) -> Client:
        client = Client(**progress)
        for module, name in ((redis_stream, "RedisTransport"), (kafka, "KafkaTransport"), (email, "MailTransport")):
            monkeypatch.setattr(module, name, client.make)
        return client

    return put


def known(outcome: Outcome) -> tuple[str, Any, Any, bool, bool]:
    """How it ended, the error and its sentence, whether it is retried, and whether the broker may have the message."""
    error = outcome.error if isinstance(outcome.error, dict) else {}
    return outcome.status, error.get("type"), error.get("message"), outcome.retryable, outcome.is_unknown


async def deliver(to: Destination, message: Message = _MESSAGE, *, seconds: float = 20) -> Outcome:
    async with Streams(LOCAL) as streams:
        return await streams.deliver(to, message, seconds=seconds)


@_EACH
async def test_an_acknowledgement_is_a_success_with_its_response(
    to: Destination, served_by: Callable[..., Client]
) -> None:
    client = served_by(is_sent=True)
    async with Streams(LOCAL) as streams:
        for calls in (1, 2):
            outcome = await streams.deliver(to, _MESSAGE, seconds=20)
            assert (outcome.status, outcome.error, outcome.response) == ("SUCCESS", None, '{"answer":1}')
            assert (outcome.retryable, outcome.is_unknown, outcome.is_unsent) == (False, False, False)
            assert json.loads(outcome.request or "")["body_bytes"] == 2
            assert (client.calls, client.made) == (calls, 1)
    assert client.closes == (to is not _MAIL), "a mail's connection is closed with it"


async def test_an_outcome_is_passed_on_once_and_nothing_of_the_delivery_is_kept(
    served_by: Callable[..., Client],
) -> None:
    """A worker sends millions of messages."""
    client, ended = served_by(is_sent=True), list[Outcome]()
    async with Streams(LOCAL) as streams:
        sending = streams.send(_REDIS, _MESSAGE, seconds=20, on_end=ended.append)
        assert sending is not None
        await until(lambda: ended, "the outcome")
        sending.stop("cancelled")
        await asyncio.sleep(0)
        task = weakref.ref(sending.task)
        del sending
        gc.collect()
        assert task() is None
    assert ([outcome.status for outcome in ended], client.calls) == (["SUCCESS"], 1)


@pytest.mark.parametrize(
    ("error", "is_sent", "expected"),
    [
        (BrokerError("broker", "no"), False, ("FAILED", "broker", "no", True, False)),
        (BrokerError("broker", "no"), True, ("FAILED", "broker", "no", True, False)),
        (BrokerError("auth", "no", is_retryable=False), False, ("FAILED", "auth", "no", False, False)),
        (BrokerError("bad_headers", "no"), False, ("FAILED", "bad_headers", "no", True, False)),
        (BrokerError("closed_without_answer", "cut", is_unknown=True), True,
         ("UNKNOWN", "closed_without_answer", "cut", True, True)),
        (BrokerError("broker", "odd", is_retryable=False, is_unknown=True), True,
         ("UNKNOWN", "broker", "odd", True, True)),
        (BrokerError("timeout", "late"), False, ("TIMED_OUT", "timeout", "late", True, False)),
        (BrokerError("timeout", "late"), True, ("UNKNOWN", "timeout", "late", True, True)),
    ],
)  # fmt: skip
async def test_a_brokers_error_says_whether_it_may_have_the_message(
    error: BrokerError, is_sent: bool, expected: tuple[object, ...], served_by: Callable[..., Client]
) -> None:
    served_by(is_sent=is_sent).fails = lambda: error
    assert known(await deliver(_REDIS)) == expected


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        ({}, ("TIMED_OUT", "timeout", "no connection to the broker within 0.01 s", True, False)),
        ({"is_connected": True},
         ("TIMED_OUT", "timeout", "the message could not be sent within 0.01 s", True, False)),
        ({"is_sent": True},
         ("UNKNOWN", "timeout",
          "the message was not acknowledged within 0.01 s; whether the broker has it is not known", True, True)),
    ],
)  # fmt: skip
@_EACH
async def test_time_that_is_over_says_how_far_the_message_came(
    to: Destination, progress: dict[str, bool], expected: tuple[object, ...], served_by: Callable[..., Client]
) -> None:
    served_by(**progress).waits = True
    outcome = await deliver(to, seconds=0.01)
    assert known(outcome) == expected
    assert outcome.duration.total_seconds() > 0


async def test_a_record_waits_in_its_clusters_client_until_its_delivery_ends(served_by: Callable[..., Client]) -> None:
    client, began = served_by(), time.monotonic()
    await deliver(_KAFKA, seconds=20)
    trust, ends_at = client.rest
    assert trust is None
    assert began + 20 <= ends_at <= time.monotonic() + 20


@pytest.mark.parametrize("is_sent", [False, True])
async def test_something_that_was_cancelled_beneath_a_delivery_ends_it_with_a_result(
    is_sent: bool, served_by: Callable[..., Client]
) -> None:
    """A claim without a result would hold its slot until its lease ends."""
    served_by(is_sent=is_sent).fails = asyncio.CancelledError
    why = "an operation that the delivery waited for was cancelled"
    expected = ("UNKNOWN", "internal", f"{why}{_UNKNOWN}", True, True)
    assert known(await deliver(_REDIS)) == (expected if is_sent else ("FAILED", "internal", why, True, False))


@pytest.mark.parametrize("is_sent", [False, True])
async def test_an_error_of_ours_is_reported_without_its_text(
    is_sent: bool, served_by: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    served_by(is_sent=is_sent).fails = lambda: LookupError("canary")
    outcome = await deliver(_REDIS)
    why = "internal error in Kronos; see the worker's log for the trace"
    assert known(outcome) == ("UNKNOWN" if is_sent else "FAILED", "internal", why, True, is_sent)
    line = told(caplog, "delivery.unforeseen")
    assert line["message"].startswith("unexpected LookupError in a delivery to a broker")
    assert ("in deliver" in line["message"], "canary" in caplog.text) == (True, False)


async def test_a_message_may_have_a_megabyte_and_no_more(served_by: Callable[..., Client]) -> None:
    client = served_by()
    largest = Message(pairs=(("a", b"b"),), key=b"k", value=bytes(MAX_MESSAGE_BYTES - 3))
    assert (await deliver(_KAFKA, largest)).status == "SUCCESS"
    larger = Message(pairs=(("a", b"bc"),), key=b"k", value=largest.value)
    why = f"the message has {MAX_MESSAGE_BYTES + 1} bytes; at most {MAX_MESSAGE_BYTES} are allowed"
    assert known(await deliver(_KAFKA, larger)) == ("FAILED", "bad_request", why, False, False)
    assert client.calls == 1


async def test_authorities_that_cannot_be_read_any_more_are_named_and_read_again(
    tmp_path: Path, served_by: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    """The file was sound when the worker started, and is broken when the first message over TLS is sent."""
    client, file = served_by(), tmp_path / "authorities.pem"
    over_tls = replace(_REDIS, server=replace(_REDIS.server, tls=Tls()))
    file.write_text("half a certifica")
    async with Streams(LOCAL, ca_file=file) as streams:
        assert (await streams.deliver(_REDIS, _MESSAGE, seconds=20)).status == "SUCCESS", "without TLS it is not needed"
        outcome = await streams.deliver(over_tls, _MESSAGE, seconds=20)
        why = "this worker cannot read the authorities in KRONOS_CA_FILE; see its log"
        assert known(outcome) == ("FAILED", "tls", why, True, False)
        line = told(caplog, "ca_file.broken")["message"]
        assert line.startswith(f"KRONOS_CA_FILE: {file} has no certificate")
        file.write_text(ssl.DER_cert_to_PEM_cert(ssl.create_default_context().get_ca_certs(binary_form=True)[0]))
        assert (await streams.deliver(over_tls, _MESSAGE, seconds=20)).status == "SUCCESS"
    assert client.calls == 2


@pytest.mark.parametrize(("to", "kind"), [(_REDIS, "REDIS_STREAM"), (_KAFKA, "KAFKA"), (_MAIL, "EMAIL")])
async def test_a_worker_without_the_library_says_what_to_install(
    to: Destination, kind: drivers.Optional, monkeypatch: pytest.MonkeyPatch, served_by: Callable[..., Client]
) -> None:
    """Another worker may have it."""
    client = served_by()
    monkeypatch.setattr(drivers, "is_missing", lambda asked: asked == kind)
    why = f"this worker has no driver for endpoints of type {kind}; install it: {drivers.how_to_install(kind)}"
    assert known(await deliver(to)) == ("FAILED", "driver", why, True, False)
    assert client.calls == 0


@pytest.mark.parametrize(
    ("to", "is_sent", "message"),
    [
        *((to, False, "the delivery was cancelled before anything was sent") for to in (_REDIS, _KAFKA, _MAIL)),
        (_REDIS, True,
         "the delivery was cancelled and the connection closed; whether the entry is stored is not known"),
        (_MAIL, True,
         "the delivery was cancelled and the connection closed; whether the mail was accepted is not known"),
        (_KAFKA, True,
         "the delivery was cancelled; the record had already been passed to the client and may still be sent: whether "
         "it is stored is not known"),
    ],
)  # fmt: skip
async def test_a_cancelled_message_says_what_may_still_happen(
    to: Destination, is_sent: bool, message: str, served_by: Callable[..., Client]
) -> None:
    client, ended = served_by(is_sent=is_sent), list[Outcome]()
    client.waits = True
    async with Streams(LOCAL) as streams:
        sending = streams.send(to, _MESSAGE, seconds=20, on_end=ended.append)
        assert sending is not None
        await client.is_waiting.wait()
        sending.stop("cancelled")
        sending.stop("worker_stopped")
        await until(lambda: ended, "the outcome")
    (outcome,) = ended
    status = "UNKNOWN" if is_sent else "FAILED"
    assert known(outcome) == (status, "cancelled", message, True, is_sent)
    assert (outcome.is_cut_off, outcome.is_unsent) == (False, False)


@pytest.mark.parametrize("why", ["cancelled", "worker_stopped"])
async def test_what_is_stopped_before_it_has_begun_has_its_outcome_too(
    why: ErrorType, served_by: Callable[..., Client]
) -> None:
    client, ended = served_by(), list[Outcome]()
    async with Streams(LOCAL) as streams:
        sending = streams.send(_REDIS, _MESSAGE, seconds=20, on_end=ended.append)
        assert sending is not None
        sending.stop(why)
        await until(lambda: ended, "the outcome")
    (outcome,) = ended
    assert (outcome.error["type"], client.calls) == (why, 0)
    assert outcome.is_unsent is outcome.is_cut_off is (why == "worker_stopped")


async def test_a_worker_that_stops_ends_each_delivery_once_and_begins_no_other(
    served_by: Callable[..., Client],
) -> None:
    sent, ended = served_by(is_sent=True), list[Outcome]()
    sent.waits = True
    async with Streams(LOCAL) as streams:
        for _ in range(3):
            streams.send(_KAFKA, _MESSAGE, seconds=20, on_end=ended.append)
        await sent.is_waiting.wait()
        streams.cut_off()
        assert streams.is_cut_off
        assert streams.send(_KAFKA, _MESSAGE, seconds=20, on_end=ended.append) is None
        assert len(ended) == 1, "it has ended at once"
        await until(lambda: len(ended) == 4, "the outcomes of all")
    assert [(each.is_cut_off, each.is_unsent) for each in ended] == [(True, True), *[(True, False)] * 3]
    assert {each.status for each in ended} == {"UNKNOWN"}
    assert sent.calls == 3


async def test_at_the_end_of_the_event_loop_deliveries_end_without_an_outcome(served_by: Callable[..., Client]) -> None:
    """Their leases run out, and other workers take them."""
    client, ended = served_by(), list[Outcome]()
    client.waits = True
    async with Streams(LOCAL) as streams:
        sending = streams.send(_REDIS, _MESSAGE, seconds=20, on_end=ended.append)
        await client.is_waiting.wait()
    assert sending is not None
    assert (sending.task.cancelled(), ended, client.closes) == (True, [], 1)


async def test_a_delivery_whose_caller_is_cancelled_ends_with_it(served_by: Callable[..., Client]) -> None:
    client = served_by()
    client.waits = True
    async with Streams(LOCAL) as streams:
        task = asyncio.create_task(streams.deliver(_REDIS, _MESSAGE, seconds=20))
        await client.is_waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_an_outcome_says_how_long_its_delivery_took(
    monkeypatch: pytest.MonkeyPatch, served_by: Callable[..., Client]
) -> None:
    client = served_by()
    began = time.monotonic()
    client.fails = lambda: BrokerError("broker", "no")
    outcome = await deliver(_REDIS)
    assert 0 < outcome.duration.total_seconds() <= time.monotonic() - began


async def test_at_the_workers_end_no_name_is_asked_for_any_more(served_by: Callable[..., Client]) -> None:
    class Names:
        is_closed = False

        async def resolve(self, host: str) -> list[str]:
            return [host]

        async def close(self) -> None:
            self.is_closed = True

    names = Names()
    async with Streams(LOCAL, resolver=names):
        assert not names.is_closed
    assert names.is_closed
