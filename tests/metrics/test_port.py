"""The metrics port of a process, which anyone who reaches it may connect to: a client that sends nothing, or sends
without end, does not block the others."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from kronos.metrics import port

_GET = b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n"
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_Connect = Callable[..., Awaitable[_Streams]]


async def _render(_accept: str) -> tuple[bytes, str]:
    return b"a 1\n", "text/plain"


@contextlib.asynccontextmanager
async def _served() -> AsyncIterator[_Connect]:
    door = port.door("127.0.0.1", 0)
    number = door.getsockname()[1]
    opened: list[asyncio.StreamWriter] = []

    async def connect(sent: bytes = b"") -> _Streams:
        reader, writer = await asyncio.open_connection("127.0.0.1", number)
        opened.append(writer)
        writer.write(sent)
        await writer.drain()
        return reader, writer

    async with port.serving(door, _render):
        try:
            yield connect
        finally:
            for writer in opened:
                writer.close()
            await asyncio.gather(*(each.wait_closed() for each in opened), return_exceptions=True)


async def _status(streams: _Streams, sent: bytes = _GET) -> bytes:
    reader, writer = streams
    writer.write(sent)
    async with asyncio.timeout(60):
        answered = await reader.readuntil(b"a 1\n")
    return answered.split(b"\r\n", 1)[0]


async def _is_cut(streams: _Streams) -> bool:
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionError):
            return await streams[0].read() == b""
    return True


@pytest.mark.parametrize(
    "sent", [b"", b"GET /met", b"POST /metrics HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n"]
)
async def test_idle_connections_give_way_to_who_comes(sent: bytes) -> None:
    async with _served() as connect:
        for _ in range(40):
            await connect(sent)
        assert await _status(await connect()) == b"HTTP/1.1 200 OK"


async def test_a_connection_that_asks_again_is_kept() -> None:
    async with _served() as connect:
        streams = await connect()
        assert [await _status(streams) for _ in range(3)] == [b"HTTP/1.1 200 OK"] * 3


async def test_it_says_that_the_process_goes_on() -> None:
    async with _served() as connect:
        reader, _ = await connect(b"GET /healthz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(60):
            answered = await reader.read()
    assert answered.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answered.endswith(b"\r\n\r\nok\n")


@pytest.mark.parametrize("asked", [b"GET /metrics", b"GET /healthz", b"GET /w/acme", b"POST /metrics"])
async def test_every_answer_is_kept_by_nobody_and_is_no_page(asked: bytes) -> None:
    async with _served() as connect:
        reader, _ = await connect(asked + b" HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(60):
            head = (await reader.read()).partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
    told = dict(line.split(b": ", 1) for line in head[1:])
    assert told[b"cache-control"] == b"no-store"
    assert told[b"x-content-type-options"] == b"nosniff"
    assert told[b"referrer-policy"] == b"no-referrer"
    assert told[b"content-security-policy"].startswith(b"default-src 'none'; frame-ancestors 'none'")
    assert sum(line.startswith(b"cache-control:") for line in head) == 1


@pytest.mark.parametrize("sent", [b"", b"GET /met", _GET[:-2]])
async def test_a_request_that_does_not_come_is_cut(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "_REQUEST_SECONDS", 0.2)
    async with _served() as connect:
        assert await _is_cut(await connect(sent))


async def test_a_head_without_end_is_cut() -> None:
    async with _served() as connect:
        streams = await connect(b"GET /metrics HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionError):
            for each in range(100):
                streams[1].write(b"x%d: %s\r\n" % (each, b"a" * 8000))
                await streams[1].drain()
        assert await _is_cut(streams)
