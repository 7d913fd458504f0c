"""A cheap HTTP/1.1 client. Each of its connections sends the next request when the response to the last has arrived,
but, if the order has a rate (`per_second`), not before the request's turn.

Runs as a process. In a loop, it reads an order, a line of JSON, from standard input, and writes its observations to
standard output. It uses only sockets and a few slices: on two cores, CPU time used by the client is missing for the
server.
"""

import asyncio
import json
import resource
import sys
import time
from itertools import cycle
from typing import cast

import uvloop

from kronos.model import JsonObject


class Caller(asyncio.Protocol):
    """One connection."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._received = b""
        self._sent_at = 0.0
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's transports are not asyncio's classes
        self._send()

    def _send(self) -> None:
        if (early := self._run.until_turn()) > 0:
            asyncio.get_running_loop().call_later(early, self._send_now)
        else:
            self._send_now()

    def _send_now(self) -> None:
        request = self._run.next_request()
        if self._transport is None or request is None:
            if self._transport is not None:
                self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Count a response once it is complete, and send the next request."""
        self._received += data
        head, gap, body = self._received.partition(b"\r\n\r\n")
        if not gap:
            return
        at = head.lower().index(b"content-length:") + 15
        if len(body) < int(head[at:].split(b"\r\n", 1)[0]):
            return
        self._run.answered(head[9:12].decode(), time.perf_counter() - self._sent_at, body)
        self._received = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail if the server closes: every connection must last as long as the run."""
        self._run.ended(error)


class Run:
    """One load: a number of connections for a number of seconds."""

    def __init__(self, order: JsonObject) -> None:
        self._order = order
        line = f"{order.get('method', 'POST')} {order['path']} HTTP/1.1"
        head = f"{line}\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{order['headers']}"
        self._requests = cycle(
            [f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode() for body in order["bodies"]]
        )
        self._latencies: list[float] = []
        self._statuses: dict[str, int] = {}
        self._other = ""
        self._open = order["connections"]
        self._until = self._turn = 0.0
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def result(self) -> JsonObject:
        """Run the load and return its observations."""
        used = _cpu()
        started = time.perf_counter()
        self._until, self._turn = started + self._order["seconds"], started
        for _ in range(self._order["connections"]):
            await asyncio.get_running_loop().create_connection(lambda: Caller(self), "127.0.0.1", self._order["port"])
        await self._done
        seconds = time.perf_counter() - started
        ordered = sorted(self._latencies)
        return {
            "requests": len(ordered),
            "seconds": seconds,
            "statuses": self._statuses,
            "other": self._other,
            "p50_ms": ordered[len(ordered) // 2] * 1000,
            "p99_ms": ordered[len(ordered) * 99 // 100] * 1000,
            "cpu_seconds": _cpu() - used,
        }

    def until_turn(self) -> float:
        """Return the seconds until the next request may be sent. Late ones are sent immediately, and none is
        skipped."""
        if (rate := self._order.get("per_second")) is None:
            return 0
        self._turn += 1 / rate
        return self._turn - time.perf_counter()

    def next_request(self) -> bytes | None:
        """Return the next request; None once the time is over."""
        return next(self._requests) if time.perf_counter() < self._until else None

    def answered(self, status: str, seconds: float, body: bytes) -> None:
        """Note a response."""
        self._latencies.append(seconds)
        self._statuses[status] = self._statuses.get(status, 0) + 1
        if not status.startswith("2") and not self._other:
            self._other = body.decode(errors="replace")

    def ended(self, error: Exception | None) -> None:
        """Note a closed connection."""
        self._open -= 1
        if error is not None and not self._done.done():
            self._done.set_exception(error)
        elif self._open == 0 and not self._done.done():
            self._done.set_result(None)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def _one(order: JsonObject) -> JsonObject:
    return await Run(order).result()


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(uvloop.run(_one(json.loads(line)))), flush=True)
