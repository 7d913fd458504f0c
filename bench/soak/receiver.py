"""The soak's receiver: usually responds immediately, and counts each key's requests."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

FAILS, HANGS = 0.03, 0.002
"""Parts of the requests to /sometimes that are answered 500, and that are not answered for a while."""
_HANG_SECONDS = 8.0


class Receiver:
    """`/always` returns 200; `/sometimes` occasionally fails. Each request is counted under its Idempotency-Key."""

    def __init__(self, seed: int) -> None:
        self.requests: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.port = 0
        self._chance = random.Random(seed)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve the receiver on a separate port."""
        app = web.Application()
        app.router.add_post("/always", self._always)
        app.router.add_post("/sometimes", self._sometimes)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield
        finally:
            await runner.cleanup()

    def url(self, path: str) -> str:
        """Return the URL of one of the two paths."""
        return f"http://127.0.0.1:{self.port}/{path}"

    async def _always(self, request: web.Request) -> web.Response:
        return self._accepted(request)

    async def _sometimes(self, request: web.Request) -> web.Response:
        drawn = self._chance.random()
        if drawn < HANGS:
            await asyncio.sleep(_HANG_SECONDS)  # simulates a slow receiver; there is no event to wait for
        elif drawn < HANGS + FAILS:
            self.requests[request.headers["Idempotency-Key"]] += 1
            return web.json_response({"no": "not this time"}, status=500)
        return self._accepted(request)

    def _accepted(self, request: web.Request) -> web.Response:
        key = request.headers["Idempotency-Key"]
        self.requests[key] += 1
        self.accepted[key] += 1
        return web.json_response({"ok": True})
