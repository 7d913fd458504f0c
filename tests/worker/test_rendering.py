"""Large deliveries are rendered outside the event loop, one at a time. One that waited too long for its turn is given
back unsent."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from delivery.sending import LOCAL
from delivery.servers import Receiver, answer
from delivery.test_redis_stream import Scripted
from kronos.delivery.http import HttpTransport
from kronos.delivery.streams import Streams
from kronos.server_time import boot_time
from kronos.worker import attempt as attempts
from kronos.worker import targets
from kronos.worker.attempt import Leased, begin
from kronos.worker.backoff import Backoff
from kronos.worker.claims import Claim, EndpointVersion
from kronos.worker.results import Result
from kronos.worker.streaming import StreamTarget
from kronos.worker.targets import HttpTarget, Target, Unusable
from worker.running import until

TIMEOUT_MS = 60_000


@contextmanager
def renderer_at_work() -> Iterator[threading.Event]:
    """The renderer renders something else until the event is set."""
    is_free = threading.Event()
    attempts._RENDERER.submit(is_free.wait)
    try:
        yield is_free
    finally:
        is_free.set()


def leased(*, seconds: float) -> Leased:
    """A large claim whose lease leaves this much time for its delivery."""
    claim = Claim(
        execution_id=str(uuid4()),
        workspace_id=str(uuid4()),
        job_id=str(uuid4()),
        endpoint_id=str(uuid4()),
        endpoint_version=1,
        attempt_count=1,
        max_attempts=5,
        scheduled_at=datetime.now(UTC),
        timeout_ms=TIMEOUT_MS,
        holds_slot=False,
        input=f'"{"x" * attempts._MAX_BYTES_ON_LOOP}"',
        due_at=datetime.now(UTC),
    )
    reserve = attempts._RESERVE_SECONDS + TIMEOUT_MS / 1000
    return Leased(claim=claim, token=str(uuid4()), ends_at=boot_time() + reserve + seconds)


def target(receiver: Receiver) -> HttpTarget:
    return HttpTarget(
        url=receiver.url, method="POST", headers={}, body_template=None, expected_status_codes=(), backoff=Backoff()
    )


def stream(port: int) -> StreamTarget:
    spec = {"redis_url": f"redis://127.0.0.1:{port}/0", "stream": "s"}
    return StreamTarget(type="REDIS_STREAM", spec=spec, backoff=Backoff())


async def attempt(
    leased: Leased, to: Target, transport: HttpTransport, streams: Streams | None = None
) -> Result | None:
    """The result of the delivery."""
    ended: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()
    begin(leased, to, transport, lambda _, result: ended.set_result(result), streams or Streams(LOCAL))
    return await ended


async def test_what_is_rendered_in_time_is_sent() -> None:
    async with Receiver(answer()) as receiver, HttpTransport(LOCAL) as transport:
        result = await attempt(leased(seconds=60), target(receiver), transport)
    assert isinstance(result, Result)
    assert (result.status, len(receiver.requests)) == ("SUCCESS", 1)


async def test_what_waited_for_its_turn_until_its_lease_was_too_short_is_given_back_unsent() -> None:
    async with Receiver(answer()) as receiver, HttpTransport(LOCAL) as transport:
        with renderer_at_work() as is_free:
            short = leased(seconds=0.05)
            under_way = asyncio.create_task(attempt(short, target(receiver), transport))
            await until(lambda: not short.covers_delivery, "the lease")
            is_free.set()
            assert await under_way is None
    assert receiver.requests == []


async def test_what_waits_for_its_turn_when_the_worker_stops_is_neither_rendered_nor_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rendered: list[Claim] = []
    monkeypatch.setattr(attempts, "_rendered", lambda claim, *_: rendered.append(claim))
    async with Receiver(answer()) as receiver, HttpTransport(LOCAL) as transport:
        with renderer_at_work() as is_free:
            waiting = [asyncio.create_task(attempt(leased(seconds=60), target(receiver), transport)) for _ in range(3)]
            await asyncio.sleep(0)
            transport.cut_off()
            is_free.set()
            assert await asyncio.gather(*waiting) == [None] * 3
    assert (rendered, receiver.requests) == ([], [])


async def test_what_is_cancelled_while_it_waits_for_its_turn_is_given_back_unsent() -> None:
    async with Receiver(answer()) as receiver, HttpTransport(LOCAL) as transport:
        with renderer_at_work() as is_free:
            unwanted = leased(seconds=60)
            under_way = asyncio.create_task(attempt(unwanted, target(receiver), transport))
            await asyncio.sleep(0)
            attempts.abort(unwanted)
            is_free.set()
            assert await under_way is None
    assert receiver.requests == []


async def test_a_large_message_is_sent_in_its_turn() -> None:
    async with Scripted(b"$3\r\n1-0\r\n") as server, HttpTransport(LOCAL) as transport, Streams(LOCAL) as streams:
        result = await attempt(leased(seconds=60), stream(server.port), transport, streams)
    assert isinstance(result, Result)
    assert (result.status, json.loads(result.response or "")["entry_id"]) == ("SUCCESS", "1-0")


@pytest.mark.parametrize("over", ["the worker stops", "it is cancelled", "its lease becomes too short"])
async def test_a_message_that_is_over_before_its_turn_is_given_back_and_holds_up_nobody(over: str) -> None:
    """It is not rendered: a stopping worker would wait until everything in line was."""
    to = stream(9)
    async with HttpTransport(LOCAL) as transport, Streams(LOCAL) as streams:
        with renderer_at_work() as is_free:
            waiting = leased(seconds=0.05 if over == "its lease becomes too short" else 60)
            under_way = asyncio.create_task(attempt(waiting, to, transport, streams))
            await asyncio.sleep(0)
            if over == "the worker stops":
                streams.cut_off()
            elif over == "it is cancelled":
                attempts.abort(waiting)
            else:
                await until(lambda: not waiting.covers_delivery, "the lease")
            is_free.set()
            assert await under_way is None
    assert to.destination is None, "the first message that is rendered sets it"


@pytest.mark.parametrize(
    "text",
    [
        "12345678901234567890123",
        "-12345678901234567890123",
        "[-9223372036854775809, 1.5, 18446744073709551616]",
        "[[18446744073709551616]]",
        '{"a": 1234567890123456789}',
        '{"a": {"b": -12345678901234567890, "c": [-18446744073709551617]}, "d": "18446744073709551616"}',
    ],
)
async def test_integers_of_any_size_are_sent_as_they_are(text: str) -> None:
    async with Receiver(answer()) as receiver, HttpTransport(LOCAL) as transport:
        large = leased(seconds=60)
        await attempt(Leased(large.claim._replace(input=text), large.token, large.ends_at), target(receiver), transport)
    (request,) = receiver.requests
    assert request.body.decode() == text.replace(" ", "")


@pytest.mark.parametrize("path", ["/a", "/{{input.a}}"])
async def test_an_error_of_our_own_ends_the_claim_and_is_reported(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(attempts, "render_body", broken)
    async with HttpTransport(LOCAL) as transport:
        to = HttpTarget(
            url=f"http://127.0.0.1:9{path}",
            method="POST",
            headers={},
            body_template=None,
            expected_status_codes=(),
            backoff=Backoff(),
        )
        for size in (0, attempts._MAX_BYTES_ON_LOOP):
            claimed = leased(seconds=60)
            claimed.claim = claimed.claim._replace(input=f'{{"a": "{"x" * min(size + 1, size or 1)}"}}')
            result = await attempt(claimed, to, transport)
            assert isinstance(result, Result)
            assert (result.status, result.is_retryable, json.loads(result.error or "")["type"]) == (
                "FAILED",
                True,
                "internal",
            )


@pytest.mark.parametrize(
    ("spec", "policy"),
    [
        (
            f'{{"url": "http://x/", "expected_status_codes": [1{"0" * 400}.5]}}',
            "{}",
        ),  # valid in jsonb, too large for a float
        (f'{{"url": "http://x/", "expected_status_codes": [{"9" * 5000}]}}', "{}"),
        ('{"url": "http://x/", "expected_status_codes": [null]}', "{}"),
        ('{"url": "http://x/", "expected_status_codes": 5}', "{}"),
        ('{"url": "http://x/", "headers": ["X-A"]}', "{}"),
        ('{"url": "http://x/"}', f'{{"jitter": 1{"0" * 400}.5}}'),
        ('{"url": "http://x/"}', '{"backoff": {}}'),
        ("[" * 100_000, "{}"),
        ("null", "{}"),
    ],
    ids=lambda text: text[:60],
)
def test_no_definition_ends_the_worker(spec: str, policy: str) -> None:
    made = targets.target(
        EndpointVersion(
            endpoint_id=str(uuid4()),
            version=1,
            type="HTTP",
            spec=spec,
            retry_policy=policy,
            workspace_id=str(uuid4()),
            secrets=[],
            signing_secrets=[],
        )
    )
    assert isinstance(made, Unusable)
    assert made.why.startswith("the endpoint's definition cannot be read: ")
