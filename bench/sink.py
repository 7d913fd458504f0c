"""A cheap receiver in a separate process: counts requests, records when each arrived, and returns 200.

It prints its port, then answers each line on standard input. `count`: the number of requests and the time of the last
one (on the monotonic clock, shared by all processes of the machine); `arrivals`: when each Idempotency-Key first
arrived; `forget`: start over.
"""

import asyncio
import json
import sys
import threading
import time
from typing import cast

import uvloop

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n" + b'{"ok":true}'
_arrivals: dict[str, float] = {}
_count = 0
_last = 0.0


class Sink(asyncio.Protocol):
    """One connection. Its requests have a Content-Length and come one at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's transports are not asyncio's classes

    def data_received(self, data: bytes) -> None:
        """Respond to a request once it is complete."""
        global _count, _last
        self._received += data
        head, gap, body = self._received.partition(b"\r\n\r\n")
        if not gap or self._transport is None:
            return
        lower = head.lower()
        if len(body) < int(_value(lower, b"content-length: ") or b"0"):
            return
        self._transport.write(_ANSWER)
        self._received = b""
        _last = time.monotonic()
        _count += 1
        if key := _value(lower, b"idempotency-key: "):  # other senders send none
            _arrivals.setdefault(key.decode(), _last)


def _value(head: bytes, name: bytes) -> bytes:
    """Return a header's value, or an empty one."""
    return head.partition(name)[2].split(b"\r\n", 1)[0]


def _answer_questions(loop: asyncio.AbstractEventLoop) -> None:
    """Answer lines on standard input until its end, then exit."""
    global _count
    for line in sys.stdin:
        match json.loads(line):
            case "count":
                print(json.dumps({"count": _count, "last": _last}), flush=True)
            case "arrivals":
                print(json.dumps(_arrivals), flush=True)
            case "forget":
                _count = 0
                _arrivals.clear()
                print("{}", flush=True)
    loop.call_soon_threadsafe(loop.stop)


async def _main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", 0, backlog=1024)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    threading.Thread(target=_answer_questions, args=[loop], daemon=True).start()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_main())
