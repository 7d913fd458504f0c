"""Connections to Redis servers are kept for the next entry, for a while and not too many of them, and are used only for
the server, the user and the database that they were made for."""

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from delivery.authority import Authority
from delivery.sending import LOCAL, told
from kronos.delivery import redis_stream
from kronos.delivery.destinations import Message, RedisServer, RedisStream, Tls
from kronos.delivery.outcome import Outcome
from kronos.delivery.streams import Streams
from served import served
from stopped_clock import StoppedClock
from worker.running import until

_ENTRY = Message(pairs=(("a", b"b"),))


class Server:
    """A Redis server that accepts every entry, and knows which connections are open."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.connections = self.open = 0
        self._writers: list[asyncio.StreamWriter] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __aenter__(self) -> "Server":
        self._server = await asyncio.start_server(served(self._talk), "127.0.0.1", 0, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        self.to = RedisServer(host="127.0.0.1", port=port, db=0, tls=None if self._tls is None else Tls())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    def close_all(self) -> None:
        """Close every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self._writers.append(writer)
        try:
            while data := await reader.read(65536):
                await self.gate.wait()
                commands = data.count(b"\r\n*") + 1  # each begins with its number of words
                writer.write(b"$3\r\n1-0\r\n" if b"XADD" in data else b"+OK\r\n" * commands)
        except OSError:
            return
        finally:
            self.open -= 1
            writer.close()


async def send(streams: Streams, server: RedisServer) -> Outcome:
    outcome = await streams.deliver(RedisStream(server=server, stream="s"), _ENTRY, seconds=20)
    assert told(outcome) == ("SUCCESS", None, False)
    return outcome


async def send_at_once(streams: Streams, server: Server, count: int) -> None:
    """Send entries over as many connections."""
    server.gate.clear()
    sending = [asyncio.create_task(send(streams, server.to)) for _ in range(count)]
    before = server.connections
    await until(lambda: server.connections == before + count, "the connections")
    server.gate.set()
    await asyncio.gather(*sending)


async def test_entries_to_one_server_share_a_connection_and_those_of_another_database_do_not() -> None:
    async with Server() as server, Streams(LOCAL) as streams:
        for _ in range(3):
            await send(streams, server.to)
        assert server.connections == 1
        await send(streams, replace(server.to, db=1))
        assert server.connections == 2
        await send(streams, replace(server.to, username="u", password="p"))
        assert server.connections == 3, "another user's connection is not used"
        await send(streams, server.to)
        assert server.connections == 3


async def test_no_more_connections_are_kept_than_allowed_and_the_longest_idle_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = StoppedClock()
    monkeypatch.setattr(redis_stream, "time", clock)
    monkeypatch.setattr(redis_stream, "_MOST_IDLE", 2)
    async with Server() as first, Server() as second, Streams(LOCAL) as streams:
        for server in (first, second):
            clock.now += 1
            await send(streams, server.to)
        clock.now += 1
        await send(streams, replace(second.to, db=1))
        await until(lambda: first.open == 0, "the end of the longest idle one")
        assert second.open == 2
        await send(streams, first.to)
        assert first.connections == 2


async def test_connections_that_are_idle_for_half_a_minute_are_closed_and_others_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = StoppedClock()
    monkeypatch.setattr(redis_stream, "time", clock)
    monkeypatch.setattr(redis_stream, "_SWEEP_SECONDS", 0.0)
    async with Server() as server, Streams(LOCAL) as streams:
        await send_at_once(streams, server, 3)
        assert server.open == 3
        clock.now += 29.9
        await send(streams, server.to)
        clock.now += 0.1
        await until(lambda: server.open == 1, "the end of two")
        await send(streams, server.to)
        assert server.connections == 3, "the one that was used since is kept"
        clock.now += 30
        await until(lambda: server.open == 0, "the end of the last")
        await send(streams, server.to)
        assert server.connections == 4


async def test_at_the_workers_end_no_connection_is_left_open() -> None:
    async with Server() as server:
        async with Streams(LOCAL) as streams:
            await send_at_once(streams, server, 3)
        await until(lambda: server.open == 0, "the end of all")


async def test_a_server_that_closed_its_idle_connections_costs_no_attempt() -> None:
    async with Server() as server, Streams(LOCAL) as streams:
        await send_at_once(streams, server, 2)
        server.close_all()
        await until(lambda: server.open == 0, "the end of both")
        await send(streams, server.to)
        assert server.connections == 3


async def test_a_kept_connection_is_not_used_once_its_authority_is_no_longer_trusted(tmp_path: Path) -> None:
    """Like those of HTTP and Kafka. It used to carry entries for as long as it was never idle for half a minute."""
    trusted = Authority.made(tmp_path, "private")
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(trusted.file.read_bytes())
    async with Server(trusted.server("IP:127.0.0.1")) as server, Streams(LOCAL, ca_file=bundle) as streams:
        for _ in range(2):
            await send(streams, server.to)
        assert server.connections == 1
        bundle.write_bytes(b"# read again\n" + trusted.file.read_bytes())
        for _ in range(2):
            await send(streams, server.to)
        assert (server.connections, server.open) == (2, 1)
        bundle.write_bytes(Authority.made(tmp_path, "other").file.read_bytes())
        outcome = await streams.deliver(RedisStream(server=server.to, stream="s"), _ENTRY, seconds=20)
        assert told(outcome) == ("FAILED", "tls", True)


async def test_each_response_over_a_connection_may_have_the_whole_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is for one response, and not for all that a connection ever receives."""
    monkeypatch.setattr(redis_stream, "_MOST_ANSWER_BYTES", 40)
    async with Server() as server, Streams(LOCAL) as streams:
        for _ in range(20):
            await send(streams, server.to)
        assert server.connections == 1
