"""Raw sockets to an API process. No request here needs PostgreSQL, and none is running."""

import json
import re
import socket
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx

from api_process import Process, wait_for

NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"
CONNECTIONS, PER_ADDRESS = 40, 30
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /v1/workspaces HTTP/1.1\r\nHost: x\r\n"


@dataclass
class Answer:
    """A response as it was received."""

    status: int
    headers: dict[str, str]
    body: bytes
    rest: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """Its problem document, checked."""
        assert self.headers["content-type"] == "application/problem+json", self
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        assert document["request_id"] == self.headers["request-id"]
        return document


class Caller:
    """One connection, from any address of the loopback network."""

    def __init__(self, process: Process, *, source: str = "127.0.0.1") -> None:
        url = httpx.URL(process.url)
        self.socket = socket.create_connection((url.host, url.port), timeout=60, source_address=(source, 0))
        self._received = b""

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def flood(self, data: bytes, *, at_most: int) -> int:
        """Send `data` repeatedly until a response arrives, the connection is closed, or `at_most` bytes were sent.
        Return how many bytes were sent.
        """
        sent = 0
        try:
            while sent < at_most and not self.is_readable():
                self.socket.sendall(data)
                sent += len(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the connection is closed
        return sent

    def is_readable(self) -> bool:
        self.socket.setblocking(False)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        finally:
            self.socket.settimeout(60)
        return True

    def answer(self) -> Answer:
        """Return the next response."""
        while b"\r\n\r\n" not in self._received:
            self._read()
        head, _, rest = self._received.partition(b"\r\n\r\n")
        lines = head.decode("ascii").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        length = int(headers["content-length"])
        while len(rest) < length:
            received = self._received
            self._read()
            rest += self._received[len(received) :]
        self._received = rest[length:]
        return Answer(int(lines[0].split(" ")[1]), headers, rest[:length], self._received)

    def _read(self) -> None:
        data = self.socket.recv(65_536)
        assert data, f"the connection was closed after {self._received!r}"
        self._received += data

    def is_closed(self) -> bool:
        """Whether the server closes the connection within 20 s without sending another byte."""
        try:
            return self.socket.recv(65_536) == b""
        except ConnectionResetError:
            return True


def asked(process: Process, *, source: str = "127.0.0.1") -> int:
    """The status of a well-behaved caller's request, on a separate connection."""
    with closing(Caller(process, source=source)) as caller:
        caller.send(GET)
        return caller.answer().status


def line_of(process: Process, answer: Answer) -> str:
    """The one log line about a response."""
    request_id = re.escape(answer.headers["request-id"])
    wait_for(lambda: process.found(rf"{request_id} "), "the answer's line in the log")
    lines = [line for line in process.lines if re.search(rf"{request_id} ", line)]
    assert len(lines) == 1
    return lines[0]
