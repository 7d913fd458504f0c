"""Receivers of deliveries on real sockets, most of them hostile, and names that resolve as the test says."""

import asyncio
import os
import select
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from served import served

Handler = Callable[["Talk"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes


class Talk:
    """One request and the connection it came on."""

    def __init__(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.request = request
        self._reader = reader
        self._writer = writer

    @property
    def connection(self) -> object:
        """The same for each request of one connection."""
        return self._writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def is_gone(self, *, within: float | None = None) -> bool:
        """Whether the client closed its side, waiting for it at most this long."""
        try:
            return await asyncio.wait_for(self._reader.read(1), within) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            return True


class Receiver:
    """A server that passes each request to `handle` and then closes the connection, or keeps it for the next
    request."""

    def __init__(
        self,
        handle: Handler,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        keep: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._handle, self._host, self.port, self._keep, self._tls = handle, host, port, keep, tls
        self.requests: list[Request] = []
        self.connections = 0
        self.ended = asyncio.Semaphore(0)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Receiver":
        self._server = await asyncio.start_server(
            served(self._serve), self._host, self.port, ssl=self._tls, limit=2**21
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://{self._host}:{self.port}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while (request := await _read_request(reader)) is not None:
                self.requests.append(request)
                await self._handle(Talk(request, reader, writer))
                if not self._keep:
                    break
        except ConnectionError:
            pass  # the client is gone, which many of the tests are about
        finally:
            self._tasks.discard(task)
            writer.transport.abort()
            self.ended.release()


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    line, *fields = head.rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(line, headers, body)


def answer(body: bytes = b"ok", *, status: str = "200 OK", headers: str = "") -> Handler:
    """A handler that sends a valid answer."""

    async def handle(talk: Talk) -> None:
        await talk.send(f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    return handle


def once(data: bytes, *, then_wait: bool = False) -> Handler:
    """A handler that sends these bytes, then closes, or waits until the client does."""

    async def handle(talk: Talk) -> None:
        await talk.send(data)
        if then_wait:
            await talk.is_gone()

    return handle


def endless(start: bytes, repeated: bytes) -> Handler:
    """A handler that never stops by itself and sends as fast as the client reads."""

    async def handle(talk: Talk) -> None:
        await talk.send(start)
        while True:
            await talk.send(repeated)

    return handle


def dripping(start: bytes, drop: bytes) -> Handler:
    """A handler that sends a drop each hundredth of a second until the client is gone."""

    async def handle(talk: Talk) -> None:
        await talk.send(start)
        while not await talk.is_gone(within=0.01):
            await talk.send(drop)

    return handle


async def silent(talk: Talk) -> None:
    """Never answers."""
    await talk.is_gone()


async def closing(talk: Talk) -> None:
    """Reads the request and closes without an answer."""


def gzipped(body: bytes) -> Handler:
    """An answer with a gzip body that the client did not ask for."""
    return once(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def huge_body(size: int) -> Handler:
    """An answer of this many bytes, sent as fast as the client reads."""

    async def handle(talk: Talk) -> None:
        await talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // 65536 + 1):
            await talk.send(b"x" * 65536)

    return handle


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
GARBAGE = b"\x16\x03\x01" + os.urandom(4096)


class Names:
    """Resolves names as the test says: a list of addresses per name, or a function of the lookup's number."""

    def __init__(self, names: dict[str, list[str] | Callable[[int], list[str]]]) -> None:
        self._names = names
        self.lookups = 0

    async def resolve(self, host: str) -> list[str]:
        self.lookups += 1
        known = self._names[host]
        return known(self.lookups) if callable(known) else known

    async def close(self) -> None:
        pass


class BlockingReceiver:
    """A server on a thread, for tests that block the event loop: it sends each answer, then closes without notice."""

    def __init__(self) -> None:
        self.closed = threading.Semaphore(0)
        self.requests = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> "BlockingReceiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return  # shut down
            with connection:
                received = b""
                while b"\r\n\r\n" not in received:
                    received += connection.recv(65536)
                connection.sendall(OK + b"Content-Length: 0\r\n\r\n")
                self.requests += 1
            self.closed.release()


@contextmanager
def full_backlog() -> Iterator[tuple[str, int]]:
    """An address that neither accepts nor refuses connections."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        while True:
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(listening.getsockname())
            if not select.select([], [filling], [], 0.5)[1]:
                break
        yield listening.getsockname()
