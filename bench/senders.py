"""Deliveries without Kronos: the same HTTP client by itself, and Kronos's transport without a database. Runs as a
separate process.

Reads orders, a line of JSON each, from standard input, and writes the seconds that each took.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import aiohttp
import uvloop

from kronos.delivery.egress import EgressPolicy
from kronos.delivery.headers import identity
from kronos.delivery.http import HttpDelivery, HttpTransport
from kronos.model import JsonObject

Send = Callable[[], Awaitable[None]]
_TIMEOUT = timedelta(seconds=10)


async def _many(send: Send, count: int, concurrency: int) -> float:
    """Return the seconds for `count` deliveries, `concurrency` at a time."""
    left = iter(range(count))

    async def sender() -> None:
        for _ in left:
            await send()

    started = time.monotonic()
    await asyncio.gather(*(sender() for _ in range(concurrency)))
    return time.monotonic() - started


async def _plain(order: JsonObject) -> float:
    """Use aiohttp as documented: one session, responses read, with the headers and body of a delivery."""
    body = order["body"].encode()
    lines = identity(
        execution_id=str(uuid4()),
        job_id=str(uuid4()),
        attempt_number=1,
        scheduled_at=datetime.now(UTC),
        timestamp=int(time.time()),
        body=body,
        keys=[],
    )
    headers = {"Content-Type": "application/json"} | dict(line.split(": ", 1) for line in lines.splitlines())
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT.total_seconds())
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def send() -> None:
            async with session.post(order["url"], data=body, headers=headers) as response:
                response.raise_for_status()
                await response.read()

        return await _many(send, order["count"], order["concurrency"])


async def _transport(order: JsonObject) -> float:
    """Use Kronos's transport: checked addresses, limited responses, and an Outcome each."""
    body = order["body"].encode()
    async with HttpTransport(EgressPolicy.parse("127.0.0.0/8")) as transport:

        async def send() -> None:
            delivery = HttpDelivery(
                execution_id=uuid4(),
                job_id=uuid4(),
                attempt_number=1,
                scheduled_at=datetime.now(UTC),
                url=order["url"],
                method="POST",
                headers={},
                body=body,
                timeout=_TIMEOUT,
            )
            outcome = await transport.deliver(delivery)
            if outcome.status != "SUCCESS":
                raise RuntimeError(f"a delivery ended in {outcome}")

        return await _many(send, order["count"], order["concurrency"])


if __name__ == "__main__":
    for line in sys.stdin:
        wanted = json.loads(line)
        print(uvloop.run(_plain(wanted) if wanted["client"] == "plain" else _transport(wanted)), flush=True)
