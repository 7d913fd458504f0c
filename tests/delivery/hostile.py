"""Hostile receivers in a separate process: `python -m delivery.hostile` prints a port for each shape, and ends when its
stdin is closed."""

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack

from delivery.servers import (
    CHUNKED,
    GARBAGE,
    OK,
    Handler,
    Receiver,
    closing,
    dripping,
    endless,
    huge_body,
    once,
    silent,
)

SHAPES: dict[str, Handler] = {
    "interim answers without end": endless(b"", b"HTTP/1.1 103 E\r\n\r\n" * 4000),
    "long interim answers without end": endless(b"", b"HTTP/1.1 103 E\r\nLink: " + b"a" * 8000 + b"\r\n\r\n"),
    "headers without end": endless(OK, b"X-A: aaaaaaaaaaaa\r\n" * 3000),
    "a header without end": endless(OK + b"X-A: ", b"a" * 65536),
    "a status line without end": endless(b"HTTP/1.1 200 ", b"a" * 65536),
    "an empty line without end": endless(b"", b"\r\n" * 30000),
    "small chunks without end": endless(CHUNKED, b"1\r\nx\r\n" * 10000),
    "large chunks without end": endless(CHUNKED, b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    "a chunk extension without end": endless(CHUNKED, b"1;" + b"e" * 65536),
    "trailers without end": endless(CHUNKED + b"0\r\n", b"X-A: aaaaaaaaaaaa\r\n" * 3000),
    "a body of 1 GB": huge_body(1_000_000_000),
    "a body without end": endless(OK + b"\r\n", b"x" * 65536),
    "garbage": endless(GARBAGE, os.urandom(65536)),
    "silence": silent,
    "a close": closing,
    "half a status line": once(b"HTTP/1.1 2"),
    "a status line by drops": dripping(b"HTTP/1.1 200 ", b"k"),
    "headers by drops": dripping(OK, b"X"),
    "a body by drops": dripping(OK + b"Content-Length: 100000\r\n\r\n", b"x"),
    "chunks by drops": dripping(CHUNKED, b"1\r\nx\r\n"),
}


async def _serve() -> None:
    async with AsyncExitStack() as stack:
        receivers = {shape: await stack.enter_async_context(Receiver(handle)) for shape, handle in SHAPES.items()}
        sys.stdout.write(json.dumps({shape: receiver.port for shape, receiver in receivers.items()}) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
