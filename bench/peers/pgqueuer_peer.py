"""PgQueuer: one queue manager on a plain asyncpg connection, as in its performance guide, with its autovacuum settings.

Executes the same orders as `orders.mjs` for the Node peers. Runs in the peers' own virtual environment and imports
nothing from Kronos.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

Handle = Callable[[bytes], Awaitable[None]]
_DATABASE = sys.argv[1]


def _input(number: int) -> bytes:
    fields = {"number": number, "order": 4711, "customer": "someone", "note": "x" * 140}
    return json.dumps(fields, separators=(",", ":")).encode()


class Peer:
    """One PgQueuer process."""

    def __init__(self) -> None:
        self._idle: list[Queries] = []
        self._starts: dict[int, float] = {}
        self._running: asyncio.Task[None] | None = None
        self._observer: asyncpg.Connection | None = None
        self._session: aiohttp.ClientSession | None = None

    async def do(self, order: dict[str, object]) -> dict[str, object]:
        """Execute one order and return its answer."""
        name = str(order.pop("do"))
        answer: dict[str, object] = await getattr(self, name)(**order)
        return answer

    async def install(self) -> dict[str, object]:
        """Create its tables in an empty database."""
        queries = await _queries()
        await queries.install()
        await queries.optimize_autovacuum()
        return {}

    async def connect(self, callers: int) -> dict[str, object]:
        """Open a connection for each caller. With its pool, which resets a connection after each call, it is half as
        fast."""
        self._idle = [await _queries() for _ in range(callers)]
        for at in range(50):
            await self._add(at)
        return {}

    async def enqueue(self, callers: int, seconds: float) -> dict[str, object]:
        """Create one job per call; each caller waits for its own."""
        count = 0
        began = time.monotonic()

        async def caller() -> None:
            nonlocal count
            while time.monotonic() < began + seconds:
                await self._add(count)
                count += 1

        await asyncio.gather(*(caller() for _ in range(callers)))
        return {"count": count, "seconds": time.monotonic() - began}

    async def _add(self, number: int) -> None:
        queries = self._idle.pop()
        await queries.enqueue("job", _input(number), 0)
        self._idle.append(queries)

    async def fill(self, count: int, chunk: int) -> dict[str, object]:
        """Create jobs, several per call."""
        queries = await _queries()
        began = time.monotonic()
        for at in range(0, count, chunk):
            inputs = [_input(number) for number in range(at, min(at + chunk, count))]
            await queries.enqueue(["job"] * len(inputs), list(inputs), [0] * len(inputs))
        return {"seconds": time.monotonic() - began}

    async def deliver(self, count: int, url: str, connections: int) -> dict[str, object]:
        """Deliver all jobs over HTTP."""
        left = count
        ended = asyncio.Event()
        place = urlsplit(url)
        headers = {"content-type": "application/json"}
        connector = aiohttp.TCPConnector(limit=connections)
        async with aiohttp.ClientSession(f"{place.scheme}://{place.netloc}", connector=connector) as session:

            async def handle(body: bytes) -> None:
                nonlocal left
                async with session.post(place.path, data=body, headers=headers) as answer:
                    await answer.read()
                    answer.raise_for_status()
                left -= 1
                if left == 0:
                    ended.set()

            began = time.monotonic()
            await self._start(handle, batch_size=50)
            await ended.wait()
            while await self._unfinished():  # noqa: ASYNC110 - it is the database that changes
                await asyncio.sleep(0.01)
            return {"seconds": time.monotonic() - began}

    async def listen(self, url: str, connections: int) -> dict[str, object]:
        """Note when each job starts, and make its request."""
        connector = aiohttp.TCPConnector(limit=connections)
        self._session = session = aiohttp.ClientSession(connector=connector)

        async def handle(body: bytes) -> None:
            number = json.loads(body)["number"]
            self._starts.setdefault(number, time.monotonic())
            headers = {"content-type": "application/json", "idempotency-key": str(number)}
            async with session.post(url, data=body, headers=headers) as answer:
                await answer.read()

        await self._start(handle, batch_size=10)
        return {}

    async def starts(self) -> dict[str, object]:
        """Return the start times."""
        return {"starts": self._starts}

    async def trickle(self, count: int, every_seconds: float) -> dict[str, object]:
        """Create one job after the other, each by itself."""
        self._idle = [await _queries()]
        commits: dict[int, float] = {}
        for at in range(-10, count):
            await asyncio.sleep(every_seconds)
            await self._add(at)
            if at >= 0:  # the first ones warm up plans and caches
                commits[at] = time.monotonic()
        return {"commits": commits}

    async def _start(self, handle: Handle, *, batch_size: int) -> None:
        manager = PgQueuer(AsyncpgDriver(await asyncpg.connect(_DATABASE)))

        async def run(job: Job) -> None:
            await handle(job.payload or b"")

        manager.entrypoint("job")(run)
        self._running = asyncio.create_task(manager.run(batch_size=batch_size))
        self._observer = await asyncpg.connect(_DATABASE)

    async def _unfinished(self) -> bool:
        if self._observer is None:
            raise RuntimeError("no worker was started")
        return bool(await self._observer.fetchval("select exists (select from pgqueuer)"))


async def _queries() -> Queries:
    return Queries(AsyncpgDriver(await asyncpg.connect(_DATABASE)))


async def _obey() -> None:
    peer = Peer()
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        print(json.dumps(await peer.do(json.loads(line))), flush=True)


if __name__ == "__main__":
    uvloop.run(_obey())
