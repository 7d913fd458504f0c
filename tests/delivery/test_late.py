"""Data that arrived while the worker was stopped, or got no CPU, is read before a message times out."""

import asyncio
import socket
import threading
import time

import pytest

from delivery.sending import LOCAL, told
from delivery.test_redis_stream import FIELDS
from kronos.delivery.destinations import Message, RedisServer, RedisStream
from kronos.delivery.late import acknowledged_within
from kronos.delivery.progress import Progress
from kronos.delivery.redis_stream import _RedisConnection
from kronos.delivery.streams import Streams

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _progress(*, is_sent: bool) -> Progress:
    progress = Progress()
    progress.is_sent = is_sent
    return progress


async def test_an_acknowledgement_that_came_while_nothing_ran_is_read_first() -> None:
    acknowledged = asyncio.get_running_loop().create_future()
    async with acknowledged_within(0.02, _progress(is_sent=True)):
        time.sleep(0.1)  # noqa: ASYNC251 - as in a process that is stopped
        asyncio.get_running_loop().call_later(0, acknowledged.set_result, "1-0")
        assert await acknowledged == "1-0"


async def _stopped_until_it_is_late(progress: Progress, comes: "asyncio.Future[None]", *, is_there: bool) -> None:
    async with acknowledged_within(0.02, progress):
        time.sleep(0.1)  # noqa: ASYNC251 - as in a process that is stopped
        if is_there:
            asyncio.get_running_loop().call_later(0, comes.set_result, None)
        await comes


@pytest.mark.parametrize(
    ("is_sent", "is_there"),
    # an entry not sent by then is never sent, even over an open connection: another worker may be sending it
    [(True, False), (False, False), (False, True)],
)
async def test_where_no_acknowledgement_came_the_time_is_over(is_sent: bool, is_there: bool) -> None:
    comes: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    with pytest.raises(TimeoutError):
        await _stopped_until_it_is_late(_progress(is_sent=is_sent), comes, is_there=is_there)


async def test_an_entry_that_was_acknowledged_meanwhile_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The attempt used to be UNKNOWN, was retried, and the entry was in the stream twice."""
    seconds, stops, answered = 0.5, threading.Event(), threading.Event()
    send = _RedisConnection.send_packed_command

    async def stopped(self: _RedisConnection, command: bytes | str, check_health: bool = True) -> None:
        await send(self, command, check_health)
        if stops.is_set():
            time.sleep(seconds + 0.1)  # noqa: ASYNC251 - as in a process that is stopped
            assert answered.wait(60)  # however busy the machine is, the answer is there when the process continues

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            while received := connection.recv(65536):
                connection.sendall(
                    b"+OK\r\n" * received.count(b"CLIENT\r\n") + b"$3\r\n1-0\r\n" * received.count(b"XADD\r\n")
                )
                if stops.is_set():
                    answered.set()

    with socket.create_server(("127.0.0.1", 0)) as server:
        serving = threading.Thread(target=serve)
        serving.start()
        async with Streams(LOCAL) as streams:
            to = RedisStream(server=RedisServer(host="127.0.0.1", port=server.getsockname()[1], db=0), stream="s")
            first = await streams.deliver(to, Message(pairs=FIELDS), seconds=600)
            monkeypatch.setattr(_RedisConnection, "send_packed_command", stopped)
            stops.set()
            second = await streams.deliver(to, Message(pairs=FIELDS), seconds=seconds)
        serving.join()
    assert (first.status, second.status) == ("SUCCESS", "SUCCESS"), told(second)
