"""A worker's loop on a queue in this process: PostgreSQL's answers are the test's, receivers and sockets are real."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from delivery.sending import LOCAL
from kronos.delivery.http import HttpTransport
from kronos.delivery.streams import Streams
from kronos.worker.claims import Claim, DueEndpoint, EndpointVersion, SealedSecret, Upkeep
from kronos.worker.loop import Loop
from kronos.worker.meter import WorkerMeter
from kronos.worker.results import Judged
from kronos.worker.vault import Vault
from kronos.worker.wake import Wake
from worker.scripted import AT, WORKSPACE, Answer, Params, ScriptedLink, claim, link


def elements(literal: str) -> list[str]:
    """The elements of an array's literal."""
    return [each for each in literal.strip("{}").split(",") if each]


class Queue:
    """Executions that are due, who holds them, and how they ended.

    `faults`: for a statement, what its next calls meet instead of an answer; None: they are answered.
    `is_done_though_lost`: what meets a fault is done nevertheless."""

    def __init__(self, url: str, **spec: Any) -> None:
        """`spec`: of the endpoint, besides its URL."""
        self.due: list[Claim] = []
        self.held: dict[str, list[Claim]] = {}
        self.ended: dict[str, str] = {}
        self.errors: dict[str, str] = {}
        self.given_back: list[str] = []
        self.spec = json.dumps({"url": url, **spec})
        self.faults: dict[str, list[Answer | None]] = {}
        self.is_done_though_lost = False
        self.secrets: list[SealedSecret] = []
        self.verdict = "FAILED"
        self.claiming: Any = link(**{name: self._met(name) for name in self._CLAIMING})
        self.storing: Any = link(**{name: self._met(name) for name in self._STORING})

    _CLAIMING = (
        "list_due_endpoints", "upkeep", "claim_executions", "recover_claim", "get_endpoint_versions", "get_run_facts",
        "list_unwanted", "get_secrets",
    )  # fmt: skip
    _STORING = ("finalize_successes", "finalize_limited_successes", "finalize_executions", "release_executions")

    def _met(self, name: str) -> Any:
        def answer(params: Params) -> Answer:
            faults = self.faults.get(name, [])
            fault = faults.pop(0) if faults else None
            if fault is not None and not self.is_done_though_lost:
                return fault
            found: Answer = getattr(self, f"_{name}")(params)
            return found if fault is None else fault

        return answer

    def add(self, numbers: Iterable[int], **changes: Any) -> None:
        """Add executions that are due."""
        self.due += [claim(number, **changes) for number in numbers]

    def _list_due_endpoints(self, _: Params) -> Answer:
        endpoints = dict.fromkeys((each.endpoint_id, each.workspace_id) for each in self.due)
        return [DueEndpoint(endpoint_id, 0.0, AT, workspace_id) for endpoint_id, workspace_id in endpoints]

    def _upkeep(self, _: Params) -> Answer:
        return [Upkeep(requeued=0, failed=0, released=0, backfilled=None)]

    def _claim_executions(self, params: Params) -> Answer:
        taken: list[Claim] = []
        wanted = zip(elements(params["endpoint_ids"]), elements(params["quotas"]), strict=True)
        for endpoint_id, quota in wanted:
            taken += [each for each in self.due if each.endpoint_id == endpoint_id][: int(quota)]
        self.due = [each for each in self.due if each not in taken]
        self.held[params["claim_token"]] = taken
        return taken

    def _recover_claim(self, params: Params) -> Answer:
        return self.held.get(str(params["claim_token"]), [])

    def _get_endpoint_versions(self, params: Params) -> Answer:
        return [
            EndpointVersion(
                endpoint_id, version, "HTTP", self.spec, "{}", WORKSPACE, [each.name for each in self.secrets], []
            )
            for endpoint_id, version in zip(params["endpoint_ids"], params["versions"], strict=True)
            if version == 1
        ]

    def _get_run_facts(self, _: Params) -> Answer:
        return []

    def _get_secrets(self, _: Params) -> Answer:
        return self.secrets

    def _list_unwanted(self, _: Params) -> Answer:
        return []

    def _finalize_successes(self, params: Params) -> Answer:
        self.ended |= dict.fromkeys(elements(params["execution_ids"]), "SUCCESS")
        return []

    _finalize_limited_successes = _finalize_successes

    def _finalize_executions(self, params: Params) -> Answer:
        ids = elements(params["execution_ids"])
        self.ended |= dict(zip(ids, elements(params["statuses"]), strict=True))
        self.errors |= dict(zip(ids, [str(params["errors"].written)] * len(ids), strict=True))
        return [Judged(each, self.verdict) for each in ids]

    def _release_executions(self, params: Params) -> Answer:
        self.given_back += params["execution_ids"]
        return [Judged(each, "RETRY") for each in params["execution_ids"]]


class Working:
    """A loop that runs, on its queue."""

    def __init__(self, queue: Queue, transport: HttpTransport, concurrency: int, vault: Vault) -> None:
        self.queue, self.wake, self.meter = queue, Wake(poll_seconds=3600), WorkerMeter()
        self.loop = Loop(
            claiming=queue.claiming,
            finalizing=queue.storing,
            transport=transport,
            streams=Streams(LOCAL),
            worker_id="w",
            concurrency=concurrency,
            lease=timedelta(seconds=15),
            wake=self.wake,
            vault=vault,
            meter=self.meter,
        )
        self.running = asyncio.create_task(self.loop.run())
        self.storing = asyncio.create_task(self.loop.finalizer.run())

    async def end(self, *, within: float = 0.0) -> int:
        """Stop in order, as a worker does. Returns how many deliveries were cut off."""
        self.loop.stop()
        await self.running
        cut_off = await self.loop.drain(timedelta(seconds=within))
        self.loop.finalizer.close()
        await self.storing
        return cut_off


@asynccontextmanager
async def working(queue: Queue, *, concurrency: int = 10, vault: Vault | None = None) -> AsyncIterator[Working]:
    """Run a loop until the block ends."""
    no_authorities = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading the system's takes 24 ms
    async with HttpTransport(LOCAL, ssl_context=no_authorities) as transport:
        made = Working(queue, transport, concurrency, vault or Vault())
        try:
            yield made
            async with asyncio.timeout(60):
                await made.end()
        finally:
            for task in (made.running, made.storing):
                task.cancel()


def asked(of: ScriptedLink, name: str) -> int:
    """How often a statement was asked."""
    return of.names.count(name)
