"""Each answer of a Redis server, or lack of one, has its own error, and leaves no socket open."""

import asyncio
import socket

import pytest

from delivery.sending import LOCAL, error_type, response, told
from delivery.test_redis_stream import FIELDS, SECONDS, Scripted
from kronos.delivery.destinations import Message, RedisServer, RedisStream
from kronos.delivery.streams import Streams
from served import served

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    "answer",
    [
        b"*2000000000\r\n" + b":1\r\n" * 5000,
        b"*1\r\n" * 2000,
        b"*0\r\n" * 5,
        b":1\r\n" * 5,
        b"$-1\r\n" * 5,
        b"$5\r\n\xff\xfe\xfd\xfc\xfb\r\n" * 5,
        b"-\r\n" * 5,
        b"-ERR\r\n" * 5,
        b"%1\r\n+a\r\n" * 5,
        b"*x\r\n" * 5,
        b"\xff" * 200_000,
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_a_log_in_that_is_answered_with_anything_is_named(answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(answer)
        while await reader.read(65536):
            pass
        writer.close()

    listening = await asyncio.start_server(served(talk), "127.0.0.1", 0)
    async with listening, Streams(LOCAL) as streams:
        port = listening.sockets[0].getsockname()[1]
        server = RedisServer(host="127.0.0.1", port=port, db=3, username="u", password="canary-secret")
        outcome = await streams.deliver(RedisStream(server=server, stream="s"), Message(pairs=FIELDS), seconds=SECONDS)
    assert (outcome.status, outcome.response) == ("FAILED", None)
    assert error_type(outcome) in ("connect", "bad_response", "auth", "broker")
    assert "canary" not in repr(outcome)


async def test_an_answer_too_many_is_no_later_entrys() -> None:
    """It came with the first answer, so nothing is left to read from the socket."""
    async with Scripted(b"$3\r\n1-0\r\n$3\r\n9-9\r\n") as server, Streams(LOCAL) as streams:
        where = RedisStream(server=RedisServer(host="127.0.0.1", port=server.port, db=0), stream="s")
        outcomes = [await streams.deliver(where, Message(pairs=FIELDS), seconds=SECONDS) for _ in range(2)]
    assert [response(outcome)["entry_id"] for outcome in outcomes] == ["1-0", "1-0"]
    assert server.connections == 2


async def test_after_it_is_sent_a_timeout_is_unknown() -> None:
    """Over an open connection: the entry is sent before any timeout."""
    async with Scripted(b"$3\r\n1-0\r\n", b"$5\r\n") as server, Streams(LOCAL) as streams:
        where = RedisStream(server=RedisServer(host="127.0.0.1", port=server.port, db=0), stream="s")
        assert (await streams.deliver(where, Message(pairs=FIELDS), seconds=SECONDS)).status == "SUCCESS"
        outcome = await streams.deliver(where, Message(pairs=FIELDS), seconds=1)
    assert told(outcome) == ("UNKNOWN", "timeout", True)


async def test_before_it_is_sent_a_timeout_is_none_of_the_unknown() -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    try:
        where = RedisServer(host="127.0.0.1", port=silent.getsockname()[1], db=0)
        for seconds, connect in ((0.2, 10.0), (SECONDS, 0.2)):
            async with Streams(LOCAL) as streams:
                stream = RedisStream(server=where, stream="s", connect_seconds=connect)
                outcome = await streams.deliver(stream, Message(pairs=FIELDS), seconds=seconds)
            assert told(outcome) == ("TIMED_OUT", "timeout", True)
    finally:
        silent.close()
